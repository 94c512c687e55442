/** An issue as found in a prompt, taken apart. All texts are plain: markup is gone. */
export interface IssueText {
  readonly title: string;
  /** Sentences of the description, without code and logs. */
  readonly sentences: readonly string[];
  /** Stack traces, logs, code: one entry a line. */
  readonly codeLines: readonly string[];
  readonly comments: readonly string[];
  /** The tracker's own type, such as "Bug"; "" when not told. */
  readonly type: string;
  readonly labels: readonly string[];
  /** Sentences that talk to the model instead of describing an issue. They are no evidence of anything. */
  readonly instructions: readonly string[];
}

type Field = 'title' | 'description' | 'type' | 'labels' | 'comments' | 'other';

const FIELD_NAMES: Readonly<Record<string, Field>> = {
  title: 'title',
  summary: 'title',
  subject: 'title',
  description: 'description',
  body: 'description',
  type: 'type',
  'issue type': 'type',
  issuetype: 'type',
  labels: 'labels',
  tags: 'labels',
  comments: 'comments',
  comment: 'comments',
  key: 'other',
  id: 'other',
  status: 'other',
  priority: 'other',
  url: 'other',
  created: 'other',
};

/** More than this is read from beginning and end only; a person skims as well. */
const MAX_READ_CHARACTERS = 40_000;

const FIELD_LINE = /^(?:[-*]\s+)?(?:\*\*|#{1,3}\s*)?([A-Za-z][A-Za-z ]{1,12}?)(?: \d+)?(?:\*\*)?\s*:(?:\*\*)?\s*(.*)$/;
const FIELD_TAG = /<(title|summary|description|type|labels|comments|key|status|priority)>([\s\S]*?)<\/\1>/gi;
const CODE_LINE = [
  /^\s*at\s+\S.*[(:]/,
  /^\s*File ".*", line \d+/,
  /^Traceback \(most recent/,
  /^(goroutine \d+|panic:|Caused by:|\[signal )/,
  /^\s*\.\.\. \d+ more/,
  /^[\w.$]+(Exception|Error)(:|$|\s)/,
  /^Unhandled exception|^Exception in thread/i,
  /^\s*[[(<]?\d{4}-\d\d-\d\d[T ]\d\d:\d\d/,
  /^\s*[[(]?\d\d:\d\d:\d\d/,
  /^\s*\[?(INFO|WARN|WARNING|ERROR|DEBUG|FATAL|TRACE)\]?[\s:]/,
  /^\s*[$>]\s+\S/,
  /^\s*[{}[\]();]+,?\s*$/,
  /^\s*"[\w.-]+"\s*:/,
  /^(\t| {4,})\S/,
  /^\S+\.(go|rs|py|ts|js|java|cs):\d+/,
  /^[\w./*()]+\(0x[0-9a-f]+/,
];
const INSTRUCTION = [
  /\b(ignore|disregard|forget|override)\b.{0,40}\b(instructions?|rules?|prompts?|above|guidelines)\b/i,
  /\b(system prompt|you are (now|an?) |as an ai|language model|respond only|reply only|output only|answer only)\b/i,
  /\b(set|mark|rate|classify|label)\b.{0,30}\b(priority|category|severity|confidence|this (issue|ticket)|it as)\b.{0,30}\b(to|as|critical|low|high)\b/i,
  /\bignorier\w* .{0,30}anweisungen|\bignore[rz]? .{0,30}instru[cç]\w+/i,
];

/** True when a message reads like an issue: JSON with a title or description, tags, or lines such as "Title: …". */
export function hasIssueMarks(message: string): boolean {
  return [...fieldsOf(message).keys()].some(field => field === 'title' || field === 'description');
}

/** Takes a user message apart; one without any marks is a title (its first line) and a description (the rest). */
export function parseIssueText(message: string): IssueText {
  const fields = fieldsOf(message);
  const marked = fields.has('title') || fields.has('description');
  const plain = message.trim();
  const breakAt = plain.indexOf('\n');
  const [firstLine, others] = breakAt < 0 ? [plain, ''] : [plain.slice(0, breakAt), plain.slice(breakAt + 1)];
  const [title, description] = marked
    ? [fields.get('title') ?? '', fields.get('description') ?? '']
    : [firstLine, others];
  const { prose, codeLines } = splitCode(skim(description));
  const all = splitSentences(plainText(prose));
  const isInstruction = (sentence: string) => INSTRUCTION.some(pattern => pattern.test(sentence));
  const plainTitle = plainText(title).replace(/\s+/g, ' ').trim();
  return {
    title: isInstruction(plainTitle) ? '' : plainTitle,
    sentences: all.filter(sentence => !isInstruction(sentence)),
    codeLines,
    comments: splitSentences(plainText(skim(fields.get('comments') ?? ''))).filter(
      sentence => !isInstruction(sentence),
    ),
    type: (fields.get('type') ?? '').trim(),
    labels: (fields.get('labels') ?? '').split(/[,;\s]+/).filter(label => label !== ''),
    instructions: [plainTitle, ...all].filter(isInstruction),
  };
}

function fieldsOf(message: string): ReadonlyMap<Field, string> {
  return fieldsOfJson(message) ?? fieldsOfTags(message) ?? fieldsOfLines(message);
}

function fieldsOfJson(message: string): ReadonlyMap<Field, string> | undefined {
  if (!/^\s*\{/.test(message)) return undefined;
  try {
    const entries = Object.entries(JSON.parse(message) as object).flatMap(([name, value]): [Field, string][] => {
      const field = FIELD_NAMES[name.toLowerCase()];
      return field ? [[field, textOfJson(value)]] : [];
    });
    return entries.length > 0 ? new Map(entries) : undefined;
  } catch {
    return undefined;
  }
}

function textOfJson(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(textOfJson).join('\n');
  if (typeof value === 'object' && value !== null) return Object.values(value).map(textOfJson).join('\n');
  return '';
}

function fieldsOfTags(message: string): ReadonlyMap<Field, string> | undefined {
  const entries = [...message.matchAll(FIELD_TAG)].map(([, name = '', text = '']): [Field, string] => [
    FIELD_NAMES[name.toLowerCase()] ?? 'other',
    text.trim(),
  ]);
  return entries.some(([field]) => field === 'title' || field === 'description') ? new Map(entries) : undefined;
}

/** Lines "Title: …"; a description runs on over lines that merely look like fields, until its comments begin. */
function fieldsOfLines(message: string): ReadonlyMap<Field, string> {
  const fields = new Map<Field, string>();
  let current: Field | undefined;
  for (const line of message.split('\n')) {
    const [, name = '', rest = ''] = FIELD_LINE.exec(line) ?? [];
    const field = FIELD_NAMES[name.toLowerCase()];
    // Any line of a description may look like a field; only its comments end it.
    if (field === 'comments' && fields.has('comments')) {
      fields.set('comments', `${fields.get('comments')}\n${rest}`);
    } else if (field && !fields.has(field) && (current !== 'description' || field === 'comments')) {
      current = field;
      fields.set(field, rest);
    } else if (current) fields.set(current, `${fields.get(current)}\n${line}`);
  }
  return fields;
}

function skim(text: string): string {
  if (text.length <= MAX_READ_CHARACTERS) return text;
  return `${text.slice(0, MAX_READ_CHARACTERS / 2)}\n${text.slice(-MAX_READ_CHARACTERS / 2)}`;
}

function splitCode(text: string): { prose: string; codeLines: string[] } {
  const prose: string[] = [];
  const codeLines: string[] = [];
  let fenced = false;
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*(```|~~~|\{(code|noformat)[^}]*\})|^<\/?pre>/.test(line)) {
      fenced = !fenced;
    } else if (fenced || CODE_LINE.some(pattern => pattern.test(line))) {
      codeLines.push(line);
    } else {
      prose.push(line);
    }
  }
  return { prose: prose.join('\n'), codeLines };
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', nbsp: ' ', '#39': "'" };

/** Takes HTML, Markdown and Jira markup out of a text. */
export function plainText(text: string): string {
  return text
    .replace(/<(script|style)\b[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<(br|\/p|\/li|\/h\d|\/tr|\/div)\s*\/?>/gi, '\n')
    .replace(/<\/?[a-z][^<>]*>/gi, ' ')
    .replace(/&(amp|lt|gt|quot|nbsp|#39);/g, (_, name: string) => ENTITIES[name] ?? ' ')
    .replace(/!?\[([^\]\n]+)\]\([^)\n]*\)/g, '$1')
    .replace(/^\s{0,3}(#{1,6}|h[1-6]\.|>|[-*•+])\s+/gm, '')
    .replace(/\*\*|__|~~|`/g, '')
    .replace(/https?:\/\/\S+/g, '')
    .replace(/[ \t]+/g, ' ');
}

/** Splits text at sentence ends and line ends, drops what has no letters. */
export function splitSentences(text: string): string[] {
  return text
    .split(/(?<=[.!?…]["')\]]?)(?<!^\s*\d{1,2}\.)\s+(?=\S)|(?<=[。！？])|\n+/mu)
    .map(sentence => sentence.trim())
    .filter(sentence => /\p{L}/u.test(sentence));
}
