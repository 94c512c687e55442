interface Field {
  readonly min: number;
  readonly max: number;
  /** Of the values from `min` on, in lower case. */
  readonly names?: readonly string[];
}

const MONTHS = 'january february march april may june july august september october november december'.split(' ');
const WEEKDAYS = 'sunday monday tuesday wednesday thursday friday saturday'.split(' ');

const FIELDS: readonly Field[] = [
  { min: 0, max: 59 },
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: WEEKDAYS },
];

/** `*`, a value, or a range of values; each with or without a step. */
const ELEMENT = /^(?:\*|([a-z]+|\d+)(?:-([a-z]+|\d+))?)(?:\/(\d+))?$/i;

/** A number, or a name that may be cut short: `Tue`, `Tu`. */
function namedOrNumber(text: string, { min, max, names = [] }: Field): number | undefined {
  const value = /^\d/.test(text) ? Number(text) : min + names.findIndex(name => name.startsWith(text.toLowerCase()));
  return value >= min && value <= max ? value : undefined;
}

function valuesOf(element: string, field: Field): readonly number[] | undefined {
  const [match, from, to, step] = ELEMENT.exec(element) ?? [];
  if (match === undefined) return undefined;
  const first = from === undefined ? field.min : namedOrNumber(from, field);
  const last =
    to !== undefined ? namedOrNumber(to, field) : from === undefined || step !== undefined ? field.max : first;
  if (first === undefined || last === undefined) return undefined;
  const [low, high] = [Math.min(first, last), Math.max(first, last)];
  const every = Math.max(1, Number(step ?? 1));
  return Array.from({ length: Math.floor((high - low) / every) + 1 }, (_, index) => low + index * every);
}

function fieldValues(text: string, field: Field): readonly number[] | undefined {
  const values = new Set<number>();
  for (const element of text.split(',')) {
    const some = valuesOf(element, field);
    if (!some) return undefined;
    for (const value of some) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

/** The values that each field of an NCRONTAB expression admits, in order. */
export interface Ncrontab {
  /** Seconds, minutes, hours, days of the month, months, days of the week (Sunday = 0). */
  readonly fields: readonly (readonly number[])[];
  /** It has more than one occurrence in every minute. */
  readonly isFrequent: boolean;
  /** It repeats within a minute, an hour or a day, so that an hour that the clock shows twice counts twice. */
  readonly isInterval: boolean;
}

/**
 * Reads an NCRONTAB expression by the rules of the library that Azure uses: six fields, seconds first, or five without
 * seconds. A range that is the wrong way round is turned (`FRI-MON` is Monday to Friday), `5/10` is every tenth from 5 on,
 * names may be cut short. There is no `L`, `W`, `#`, `?`, `@daily`, and Sunday is 0 only.
 *
 * @returns undefined when it is none
 */
export function parseNcrontab(text: string): Ncrontab | undefined {
  const given = text.split(' ').filter(field => field !== '');
  const texts = given.length === 5 ? ['0', ...given] : given;
  if (texts.length !== FIELDS.length) return undefined;
  const fields: (readonly number[])[] = [];
  for (const [index, field] of FIELDS.entries()) {
    const values = fieldValues(texts[index] ?? '', field);
    if (!values) return undefined;
    fields.push(values);
  }
  const isFull = (values: readonly number[], { min, max }: Field) => values.length === max - min + 1;
  const hasNeighbours = (values: readonly number[]) => values.some(value => values.includes(value + 1));
  return {
    fields,
    isFrequent:
      (fields[0]?.length ?? 0) > 1 && FIELDS.slice(1).every((field, index) => isFull(fields[index + 1] ?? [], field)),
    isInterval: fields.slice(0, 3).some(hasNeighbours),
  };
}
