/** A JSON object of unknown members. */
export type JsonObject = Record<string, unknown>;

/** Whether a JSON value is an object, not an array and not null. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Sets the value at a path whose names ignore case; levels that are missing are made. Arrays are addressed by index. */
export function setAt(target: JsonObject, [name = '', ...rest]: readonly string[], value: string): void {
  const key = Object.keys(target).find(existing => existing.toLowerCase() === name.toLowerCase()) ?? name;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  const child = target[key];
  const level = typeof child === 'object' && child !== null ? (child as JsonObject) : {};
  target[key] = level;
  setAt(level, rest, value);
}

/** The value at a path such as `extensions.http.routePrefix`, whose names ignore case. */
export function valueAt(json: JsonObject, path: string): unknown {
  let value: unknown = json;
  for (const name of path.split('.')) {
    if (!isObject(value)) return undefined;
    value = Object.entries(value).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
  }
  return value;
}

/** The path of every value that is no object, in the order and spelling of the text. */
export function leafPaths(json: JsonObject, above = ''): string[] {
  return Object.entries(json).flatMap(([name, value]) =>
    isObject(value) ? leafPaths(value, `${above}${name}.`) : [`${above}${name}`],
  );
}
