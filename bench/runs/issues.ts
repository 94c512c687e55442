import { createDraw, type Draw, fingerprint, logNormal } from '../../local/simulators/seeded.ts';
import type { Issue } from '../../src/core/issues.ts';

/** What issues to invent. */
export interface IssueOptions {
  /** The same seed gives the same issues; another one gives others throughout. */
  readonly seed: number;
  readonly count: number;
  /** Share of the issues that repeat an earlier one under another id, 0 to 1. Default 0. */
  readonly duplicates?: number;
  /** Mean length of a description in characters. Default 1,200. */
  readonly meanCharacters?: number;
}

const MEAN_CHARACTERS = 1_200;
/** Standard deviation over mean of the lengths. */
const LENGTH_CV = 0.6;
const LEAST_CHARACTERS = 80;

const AREAS = [
  'login page',
  'export',
  'search',
  'report view',
  'mobile app',
  'billing',
  'import',
  'mail gateway',
] as const;
const FAULTS = [
  'crashes with an exception',
  'is slow',
  'shows a wrong total',
  'does not answer',
  'loses the last change',
  'cannot be opened',
  'needs a better description',
  'should remember the filter',
] as const;

/** `#` stands for a number. */
const SENTENCES = [
  'We see this on about # of our machines since the last update.',
  'It worked in version 4.# and no setting has been changed since then.',
  'The page stays empty for # seconds and then shows an error.',
  'Steps: open the list, choose entry #, press save, and go back to the list.',
  'Expected: the new value is shown. Actual: the old one is shown until the page is loaded again.',
  'The log says: ERROR worker-# request timed out after 30000 ms.',
  'A restart helps for some # minutes, then it begins again.',
  'Our support has had # calls about this, and some customers think of leaving.',
  'With a smaller file (below # MB) everything is fine.',
  'The same happens in another browser and without extensions.',
  'java.lang.IllegalStateException: no session # at com.example.Session.open(Session.java:#)',
  'It would help if the limit of # rows could be raised, or if the message said what to do.',
  'There is a way around: leave field # empty and fill it in later.',
  'We are not sure whether this belongs here; please move it if it does not.',
  'The export has # lines, the list on the screen has one more.',
  'Nobody has touched the server; its processor is at # percent all the time.',
] as const;

function writeDescription(draw: Draw, mark: string, characters: number): string {
  let text = `Seen in build ${mark}.`;
  for (let n = 0; text.length < characters; n++) {
    text += ` ${draw.pick(SENTENCES, 'sentence', n).replaceAll('#', String(1 + Math.floor(draw.uniform('number', n) * 99)))}`;
  }
  return text.slice(0, characters).trim();
}

function writeIssue(seed: number, index: number, meanCharacters: number): Omit<Issue, 'id'> {
  const draw = createDraw(seed, 'issue', index);
  // Makes texts differ even where all else is drawn alike.
  const mark = fingerprint(`${seed}:${index}`);
  const characters = Math.round(logNormal(draw.under('length'), meanCharacters, LENGTH_CV));
  return {
    title: `The ${draw.pick(AREAS, 'area')} ${draw.pick(FAULTS, 'fault')}`,
    description: writeDescription(draw, mark, Math.max(LEAST_CHARACTERS, characters)),
  };
}

/**
 * Invents issues: ids are unique, texts too (but for duplicates), lengths are log-normal. Duplicates lie evenly among the
 * others; each repeats a drawn one before it.
 */
export function inventIssues({ seed, count, duplicates = 0, meanCharacters = MEAN_CHARACTERS }: IssueOptions): Issue[] {
  const draw = createDraw(seed, 'duplicate');
  const issues: Issue[] = [];
  for (let index = 0; index < count; index++) {
    const isDuplicate = Math.floor((index + 1) * duplicates) > Math.floor(index * duplicates);
    const original = isDuplicate ? issues[Math.floor(draw.uniform(index) * issues.length)] : undefined;
    const { title, description } = original ?? writeIssue(seed, index, meanCharacters);
    issues.push({ id: `S${seed}-${index + 1}`, title, description });
  }
  return issues;
}
