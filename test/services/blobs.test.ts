import { describe, expect, test } from 'vitest';
import { type BlobStore, createBlobStore } from '../../src/services/blobs.ts';
import { createMemoryBlobs } from '../helpers/memory-stores.ts';
import { ownStorage } from '../helpers/test-storage.ts';

/** Characters of one to four bytes, in a period that no block size divides. */
const MIXED = 'aä€😀-';

async function textOf(blobs: BlobStore, name: string): Promise<string | undefined> {
  return (await blobs.read(name))?.toString('utf8');
}

describe.each([
  ['in Azure Storage', () => createBlobStore(ownStorage())],
  ['in memory, for other tests', createMemoryBlobs],
])('blobs %s', (_, createBlobs) => {
  test('come back as they were written, as text and as bytes', async () => {
    const blobs = createBlobs();
    await blobs.write('a/text', MIXED);
    await blobs.write('a/bytes', Uint8Array.of(0, 255, 10, 13));
    await blobs.write('a/empty', '');
    expect(await textOf(blobs, 'a/text')).toBe(MIXED);
    expect(await blobs.read('a/bytes')).toEqual(Buffer.of(0, 255, 10, 13));
    expect(await blobs.read('a/empty')).toHaveLength(0);
  });

  test('are null where there is none, even before anything was written', async () => {
    const blobs = createBlobs();
    expect(await blobs.read('missing')).toBeNull();
    await blobs.write('there', '1');
    expect(await blobs.read('missing')).toBeNull();
  });

  test('are replaced as a whole', async () => {
    const blobs = createBlobs();
    await blobs.write('name', 'a long content');
    await blobs.write('name', 'short');
    expect(await textOf(blobs, 'name')).toBe('short');
  });

  test('come piece by piece, and throw when there is none', async () => {
    const blobs = createBlobs();
    const content = MIXED.repeat(20_000);
    await blobs.write('name', content);
    expect(Buffer.concat(await Array.fromAsync(blobs.chunks('name'))).toString('utf8')).toBe(content);
    await expect(Array.fromAsync(blobs.chunks('missing'))).rejects.toThrow();
  });

  test('are there only once their writer is closed, and stay as they were until then', async () => {
    const blobs = createBlobs();
    const writer = blobs.openWriter('name');
    await writer.write('x'.repeat(2_500_000));
    expect(await blobs.read('name')).toBeNull();
    await writer.close();
    expect(await blobs.read('name')).toHaveLength(2_500_000);

    const again = blobs.openWriter('name');
    await again.write('y'.repeat(2_500_000));
    expect((await blobs.read('name'))?.[0]).toBe('x'.charCodeAt(0));
    await again.write('z');
    await again.close();
    expect((await blobs.read('name'))?.subarray(-2).toString()).toBe('yz');
  });

  test('of several blocks keep every character, in order', async () => {
    const blobs = createBlobs();
    const writer = blobs.openWriter('name');
    const pieces = Array.from({ length: 60 }, (_, n) => `${n}:${MIXED.repeat(20_000)}`);
    for (const piece of pieces) await writer.write(piece);
    await writer.close();
    const written = pieces.join('');
    expect(written.length).toBeGreaterThan(3 * 2_000_000);
    expect((await textOf(blobs, 'name')) === written).toBe(true);
  });

  test('of nothing are empty', async () => {
    const blobs = createBlobs();
    await blobs.openWriter('name').close();
    expect(await blobs.read('name')).toHaveLength(0);
  });
});
