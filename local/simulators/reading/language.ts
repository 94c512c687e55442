/** Frequent short words by language (ISO 639-1). Words that two languages share count for both. */
const FUNCTION_WORDS: Readonly<Record<string, string>> = {
  en: 'the a an and or is are was were be to of in on at for with it this that when not no i we my our you he she they have has had do does did can could would should from by as if but there after before please how what why where only all any so then than just cannot into its will get',
  de: 'der die das und oder ist sind war nicht ein eine einen einem einer ich wir sie er es zu in im den dem des mit auf für von bei nach wenn dass wird werden kann können auch aber noch nur beim zum zur als wie bitte seit mehr kein keine habe haben hat',
  fr: 'le la les un une des et ou est sont dans de du en pour avec sur je nous vous il elle ce cette qui que ne pas plus au aux quand par mais il mon ma mes notre nos votre être avoir a depuis lors après très peut toutes tous',
  es: 'el la los las un una y o es son en de del para con por que no se al lo mi nuestro nuestra cuando pero como más está están hay desde sobre todos todas muy si ya después también puede me al',
  pt: 'o a os as um uma e ou é são em de do da dos das no na para com por que não se ao meu minha nosso quando mas como mais está estão há desde sobre todos muito depois também pode isso foi você',
  it: 'il lo la gli le un una e o è sono in di del della dei per con su che non si al mio nostro quando ma come più dopo anche può questo questa dal nel nella viene',
  nl: 'de het een en of is zijn in van voor met op ik wij we je dat niet geen als bij naar maar ook er aan door wordt kan kunnen na sinds deze dit onze',
  pl: 'i w z na do nie się jest są to że po dla jak ale czy tylko gdy kiedy przez od o za nasz mi może już być oraz przy jeśli aby był',
  sv: 'och i att en ett det som på är av för med den till inte om jag vi när kan har från men efter inga alla',
  cs: 'a v na se je to že s z do pro jak ale když po nebo jsou není při by od za už jen',
  tr: 've bir bu için ile de da ne çok gibi daha ama var yok olarak sonra her mi ben biz',
};

const WORDS = Object.entries(FUNCTION_WORDS).map(([code, words]) => [code, new Set(words.split(' '))] as const);

const SCRIPTS: readonly (readonly [code: string, letters: RegExp])[] = [
  ['ja', /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
  ['ko', /\p{Script=Hangul}/gu],
  ['zh', /\p{Script=Han}/gu],
  ['uk', /[іїєґІЇЄҐ]/gu],
  ['ru', /\p{Script=Cyrillic}/gu],
  ['el', /\p{Script=Greek}/gu],
  ['ar', /\p{Script=Arabic}/gu],
  ['he', /\p{Script=Hebrew}/gu],
  ['th', /\p{Script=Thai}/gu],
  ['hi', /\p{Script=Devanagari}/gu],
];

/** Share of the letters that must be of a script; Ukrainian is told by few letters, Japanese by its kana between Han. */
const LEAST_SHARE: Readonly<Record<string, number>> = { ja: 0.08, uk: 0.02 };
const DEFAULT_SHARE = 0.15;

/**
 * Guesses the language of prose: by script, else by function words.
 *
 * @returns ISO 639-1 code; "en" when nothing tells
 */
export function detectLanguage(text: string): string {
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  if (letters === 0) return 'en';
  for (const [code, pattern] of SCRIPTS) {
    const share = (text.match(pattern)?.length ?? 0) / letters;
    if (share >= (LEAST_SHARE[code] ?? DEFAULT_SHARE)) return code;
  }
  const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  let [best, bestCount] = ['en', 0];
  for (const [code, known] of WORDS) {
    const count = words.filter(word => known.has(word)).length;
    if (count > bestCount) [best, bestCount] = [code, count];
  }
  return best;
}

/** True for a word that carries no meaning of its own in any language known here. */
export function isFunctionWord(word: string): boolean {
  return WORDS.some(([, known]) => known.has(word));
}
