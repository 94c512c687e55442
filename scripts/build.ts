import { buildApp } from './build-app.ts';

const { folder, bytes, durationMs } = await buildApp();
console.log(`Built ${folder} (${(bytes / 1e6).toFixed(1)} MB) in ${durationMs} ms`);
