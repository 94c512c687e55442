/** A route template that paths can be matched with. */
export interface Route {
  /** Sorts routes: of two that match, the one with the smaller precedence wins. */
  readonly precedence: string;
  /** The route's parameters as text, decoded; undefined when the path is another one. Letters' case is ignored. */
  match(pathname: string): Readonly<Record<string, string>> | undefined;
}

/** What constraints admit. Others are accepted and not checked. */
const CONSTRAINTS: Readonly<Record<string, string>> = {
  int: '-?\\d+',
  long: '-?\\d+',
  alpha: '[A-Za-z]+',
  bool: 'true|false',
  guid: '[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}',
};

/** `{name}`, `{name?}`, `{name:constraint}`, `{*rest}`, `{**rest}`. */
const PARAMETER = /\{(\*{0,2})(\w+)((?::[^{}?]+)*)(\?)?\}/g;

interface Segment {
  readonly pattern: string;
  readonly rank: 1 | 2 | 3 | 4;
  readonly names: readonly string[];
}

/** The expression for a text of the template, as it stands in a path. */
const literal = (text: string) => encodeURI(text).replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');

function parseSegment(segment: string, template: string): Segment {
  const parameters = [...segment.matchAll(PARAMETER)];
  const rest = segment.replaceAll(PARAMETER, '');
  if (/[{}]/.test(rest) || (rest !== '' && segment.includes('{*')))
    throw new Error(`Route "${template}": cannot read "${segment}"`);
  const names = parameters.map(([, , name = '']) => name);
  const [only] = parameters;
  if (!only) return { pattern: `/${literal(segment)}`, rank: 1, names };
  if (only[1]) return { pattern: '(?:/(.*))?', rank: 4, names };
  let pattern = '/';
  let readTo = 0;
  for (const found of parameters) {
    const [text, , , constraints = ''] = found;
    const known = constraints.split(':').flatMap(name => CONSTRAINTS[name] ?? []);
    pattern += `${literal(segment.slice(readTo, found.index))}(${known[0] ?? '[^/]+?'})`;
    readTo = found.index + text.length;
  }
  pattern += literal(segment.slice(readTo));
  const isOptional = parameters.length === 1 && rest === '' && only[4] === '?';
  const isNarrow = only[3] !== '' || rest !== '';
  return { pattern: isOptional ? `(?:${pattern})?` : pattern, rank: isNarrow ? 2 : 3, names };
}

/** Decodes a path value except for `%2F`, which stays as it is on the real host too; what cannot be decoded stays as sent. */
function decode(value: string): string {
  try {
    return value.split(/%2f/i).map(decodeURIComponent).join('%2F');
  } catch {
    return value;
  }
}

/**
 * Reads a route template such as `runs/{id:int}/{view?}` or `files/{*path}`.
 *
 * @param prefix - the app's route prefix, possibly empty
 * @param template - without the prefix
 * @throws when a parameter cannot be read
 */
export function parseRoute(prefix: string, template: string): Route {
  const segments = `${prefix}/${template}`
    .split('/')
    .filter(segment => segment !== '')
    .map(segment => parseSegment(segment, template));
  const names = segments.flatMap(segment => segment.names);
  const expression = new RegExp(`^${segments.map(segment => segment.pattern).join('')}/?$`, 'i');
  return {
    precedence: segments.map(segment => segment.rank).join(''),
    match(pathname) {
      const found = expression.exec(pathname);
      if (!found) return undefined;
      const values = found.slice(1) as (string | undefined)[];
      return Object.fromEntries(names.flatMap((name, i) => (values[i] ? [[name, decode(values[i])]] : [])));
    },
  };
}
