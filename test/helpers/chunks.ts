/** Bytes in pieces, cut at the given places; places outside of the bytes are ignored. */
export async function* inChunks(bytes: Uint8Array, cuts: readonly number[] = []): AsyncGenerator<Uint8Array> {
  const inside = [...new Set(cuts)].filter(cut => cut > 0 && cut < bytes.length).sort((a, b) => a - b);
  const places = [0, ...inside, bytes.length];
  for (const [i, start] of places.slice(0, -1).entries()) yield bytes.subarray(start, places[i + 1]);
}
