import { createHash } from 'node:crypto';

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

/**
 * The id of a generation that another one brings about: 32 hex digits, the same ones whenever the step is run again.
 *
 * @param cause - `next` for a continue-as-new, else the id of the call that starts a child
 */
export function executionIdAfter(executionId: string, cause: 'next' | number): string {
  return hashOf(`${executionId}:${cause}`).slice(0, 32);
}

/** A GUID made of a text: the same text gives the same GUID, so a replay finds the requests that it made before. */
export function guidOf(text: string): string {
  const hex = hashOf(text);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
