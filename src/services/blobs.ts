import { nullOn, once, type Storage } from './storage.ts';

/** Text and bytes by name. */
export interface BlobStore {
  /** Writes a whole blob, in place of what was there. */
  write(name: string, content: string | Uint8Array): Promise<void>;
  /** The blob's bytes, or null if there is none. */
  read(name: string): Promise<Buffer | null>;
  /**
   * The blob's bytes piece by piece.
   *
   * @throws when there is no such blob
   */
  chunks(name: string): AsyncGenerator<Buffer>;
  /** Writes a blob of any size in pieces; it comes into being, all at once, by `close`. */
  openWriter(name: string): BlobWriter;
}

/** A blob under way. */
export interface BlobWriter {
  write(text: string): Promise<void>;
  close(): Promise<void>;
}

const BLOCK_CHARACTERS = 500_000;

/** Blobs in Azure Storage; the container is created at the first write. */
export function createBlobStore({ container }: Storage): BlobStore {
  const ready = once(() => container.createIfNotExists());

  async function write(name: string, content: string | Uint8Array): Promise<void> {
    await ready();
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    await container.getBlockBlobClient(name).uploadData(bytes);
  }

  function openWriter(name: string): BlobWriter {
    const blob = container.getBlockBlobClient(name);
    const blockIds: string[] = [];
    let buffered = '';
    async function flush(): Promise<void> {
      const blockId = Buffer.from(String(blockIds.length).padStart(6, '0')).toString('base64');
      const bytes = Buffer.from(buffered);
      buffered = '';
      await blob.stageBlock(blockId, bytes, bytes.length);
      blockIds.push(blockId);
    }
    return {
      async write(text) {
        buffered += text;
        if (buffered.length < BLOCK_CHARACTERS) return;
        await ready();
        await flush();
      },
      async close() {
        await ready();
        if (buffered !== '') await flush();
        await blob.commitBlockList(blockIds);
      },
    };
  }

  return {
    write,
    openWriter,
    async read(name) {
      return nullOn(404, container.getBlobClient(name).downloadToBuffer());
    },
    async *chunks(name) {
      const { readableStreamBody } = await container.getBlobClient(name).download();
      if (!readableStreamBody) return;
      for await (const chunk of readableStreamBody) yield Buffer.from(chunk);
    },
  };
}
