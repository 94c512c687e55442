import { createHash } from 'node:crypto';

/** A source of repeatable choices: the same seed and key always give the same value, in any order of asking. */
export interface Draw {
  /** A number in [0, 1). */
  uniform(...key: readonly (string | number)[]): number;
  /** One item of a non-empty list. */
  pick<T>(items: readonly [T, ...T[]], ...key: readonly (string | number)[]): T;
  /** The same source, under a longer key. */
  under(...key: readonly (string | number)[]): Draw;
}

/** Short hex fingerprint (64 bits of SHA-256) of a text. */
export function fingerprint(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** Makes a source of choices. Keys are compared by their JSON, so ('a', 'b') and ('ab') differ. */
export function createDraw(seed: number, ...prefix: readonly (string | number)[]): Draw {
  const uniform: Draw['uniform'] = (...key) => {
    const digest = createHash('sha256')
      .update(JSON.stringify([seed, ...prefix, ...key]))
      .digest();
    return digest.readUIntBE(0, 6) / 2 ** 48;
  };
  return {
    uniform,
    pick: (items, ...key) => items[Math.floor(uniform(...key) * items.length)] ?? items[0],
    under: (...key) => createDraw(seed, ...prefix, ...key),
  };
}

/**
 * A log-normal value, as response times are distributed: many near the mean, a long tail above.
 *
 * @param mean arithmetic mean of the distribution, in the unit of the result; 0 gives 0
 * @param cv standard deviation over mean; 0 gives the mean itself
 */
export function logNormal(draw: Draw, mean: number, cv: number): number {
  if (mean === 0 || cv === 0) return mean;
  const variance = Math.log(1 + cv * cv);
  // 1 - u keeps the logarithm away from zero.
  const radius = Math.sqrt(-2 * Math.log(1 - draw.uniform('radius')));
  const normal = radius * Math.cos(2 * Math.PI * draw.uniform('angle'));
  return Math.exp(Math.log(mean) - variance / 2 + Math.sqrt(variance) * normal);
}

/** A UUID (version 4 in form) that follows from the key. */
export function seededUuid(draw: Draw): string {
  const hex = createHash('sha256')
    .update(String(draw.uniform('uuid')))
    .digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
