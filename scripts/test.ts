import { startVitest } from 'vitest/node';

const vitest = await startVitest('test', process.argv.slice(2), {
  run: true,
  watch: false,
  coverage: { enabled: process.argv.length === 2 },
});
await vitest.close();

let [passed, failed, skipped] = [0, 0, 0];
for (const file of vitest.state.getTestModules()) {
  if (file.errors().length > 0) failed += 1;
  for (const test of file.children.allTests()) {
    const { state } = test.result();
    if (state === 'passed') passed += 1;
    else if (state === 'failed') failed += 1;
    else skipped += 1;
  }
}
const broken = Number(process.exitCode ?? 0) !== 0 || vitest.state.getUnhandledErrors().length > 0;
if (failed === 0 && (broken || passed === 0)) failed = 1;
process.exitCode = failed === 0 ? 0 : 1;
console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
