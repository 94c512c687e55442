import { spawnSync } from 'node:child_process';
import * as df from 'durable-functions';
import { describe, expect, test } from 'vitest';
import { registerApp } from '../../../local/testing/registration.ts';
import { createTestHub } from '../../../local/testing/test-hub.ts';

test('hubs of one process are apart, also when made one inside the life of the other', async () => {
  const greet = (text: string): df.OrchestrationHandler =>
    function* ({ df: durable }) {
      return `${text} ${yield durable.callActivity('name')}`;
    };
  await using one = createTestHub({ orchestrators: { greet: greet('Hello') }, activities: { name: () => 'Ada' } });
  const id = one.start('greet');
  await using other = createTestHub({ orchestrators: { greet: greet('Bye') }, activities: { name: () => 'Bob' } });
  expect((await other.runToEnd(other.start('greet'))).output).toBe('Bye Bob');
  expect((await one.runToEnd(id)).output).toBe('Hello Ada');
  expect([one.calls.length, other.list().length]).toEqual([1, 1]);
});

describe('registration', () => {
  test('by a module itself goes to no hub', async () => {
    df.app.activity('ofItsOwn', { handler: () => 'seen' });
    await using hub = createTestHub({
      orchestrators: {
        *asks({ df: durable }) {
          return yield durable.callActivity('ofItsOwn');
        },
      },
    });
    expect((await hub.runToEnd(hub.start('asks'))).runtimeStatus).toBe('Failed');
  });

  test('before the hub is loaded is told as what it is', () => {
    const hubFile = new URL('../../../local/testing/test-hub.ts', import.meta.url).href;
    const code = `
      import * as df from '${import.meta.resolve('durable-functions')}';
      df.app.activity('early', { handler: () => 1 });
      const { createTestHub } = await import('${hubFile}');
      createTestHub({ orchestrators: { *late() {} } });`;
    const run = spawnSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' });
    expect(run.stderr).toMatch(/The test hub has no functions.*import the test hub before the modules/);
    expect(run.status).toBe(1);
  });

  test('that throws leaves the way open for the next', () => {
    const twice = () =>
      registerApp(app => {
        app.activity('same', { handler: () => 1 });
        app.activity('SAME', { handler: () => 2 });
      });
    expect(twice).toThrow(/"SAME" is registered twice/);
    expect(registerApp(app => app.activity('same', { handler: () => 1 })).functions.size).toBe(1);
  });

  test('is over when the app is made', () => {
    const { coreModule } = registerApp(app => app.activity('first', { handler: () => 1 }));
    const late = { name: 'late', bindings: {} };
    expect(() => Reflect.get(coreModule, 'registerFunction')(late, () => {})).toThrow(/after the app had started/);
  });
});

test('what functions log is shown to the log, and is no report', async () => {
  const lines: string[] = [];
  await using hub = createTestHub({
    orchestrators: {
      *talks({ df: durable }) {
        return yield durable.callActivity('talk');
      },
    },
    activities: {
      talk(_: unknown, context) {
        context.error('out of paper');
      },
    },
    log: (level, source, message) => lines.push(`${level} ${source} ${message}`),
  });
  expect((await hub.runToEnd(hub.start('talks'))).reports).toEqual([]);
  expect(lines).toContain('error talk out of paper');
});
