import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { type RunningOpenAiSimulator, startOpenAiSimulator } from '../../local/simulators/openai-server.ts';

const HOST = 'contoso-ai.openai.example';

/** A service that is not ours: over TLS, under its own host name, and without the mark of a simulator. */
export interface ForeignService extends AsyncDisposable {
  readonly url: string;
  readonly simulator: RunningOpenAiSimulator;
  /** What a process needs in its environment to find it and to trust its certificate. */
  readonly env: Readonly<Record<string, string>>;
}

/** Starts the simulator behind a TLS server that takes its mark off. */
export async function startForeignService(): Promise<ForeignService> {
  const simulator = await startOpenAiSimulator({ port: 0, latencyMs: 10 });
  const { private: key, cert } = await generate([{ name: 'commonName', value: HOST }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: HOST }] }],
  });
  const folder = await mkdtemp(join(tmpdir(), 'fanfold-tls-'));
  const certFile = join(folder, 'cert.pem');
  await writeFile(certFile, cert);
  const server = createServer({ key, cert }, (incoming, outgoing) => {
    const { method, headers, url = '/' } = incoming;
    const forwarded = request(new URL(url, simulator.url), { ...(method ? { method } : {}), headers }, reply => {
      const { 'x-fanfold-simulator': _, ...rest } = reply.headers;
      outgoing.writeHead(reply.statusCode ?? 502, rest);
      reply.pipe(outgoing);
    });
    incoming.pipe(forwarded);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://${HOST}:${port}`,
    simulator,
    env: {
      AZURE_OPENAI_ENDPOINT: `https://${HOST}:${port}`,
      AZURE_OPENAI_DEPLOYMENT: 'gpt-4o-mini',
      AZURE_OPENAI_API_KEY: 'a-key',
      FANFOLD_TEST_HOST: HOST,
      NODE_EXTRA_CA_CERTS: certFile,
      NODE_OPTIONS: `--import ${new URL('resolve-host.mjs', import.meta.url).href}`,
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await simulator.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
