import { describe, expect, it } from 'vitest';
import { ConnectionReset } from '../../../local/simulators/chat.ts';
import type { FaultName } from '../../../local/simulators/faults.ts';
import { chat, createSteppedClock, instantSimulator, strictObject } from '../../helpers/openai-simulator.ts';

const MARKER = 'secret-marker-4711';
const withFault = (reply: FaultName, quoteInErrors = false) => instantSimulator({ faults: [{ reply }], quoteInErrors });

describe('faults that are errors', () => {
  it.each<[FaultName, number, string]>([
    ['content_filter', 400, 'content_filter'],
    ['context_length', 400, 'context_length_exceeded'],
    ['unauthorized', 401, '401'],
    ['forbidden', 403, 'PermissionDenied'],
    ['deployment_not_found', 404, 'DeploymentNotFound'],
    ['rate_limited', 429, '429'],
    ['server_error_json', 500, 'InternalServerError'],
  ])('%s is %i with the code %s', async (reply, status, code) => {
    const answer = await chat(withFault(reply));
    expect(answer.status).toBe(status);
    expect(answer.error.code).toBe(code);
    expect(answer.headers.get('x-fanfold-simulator')).toBe('true');
    expect(answer.headers.get('x-ratelimit-remaining-tokens')).not.toBeNull();
  });

  it('has the inner error of the content filter', async () => {
    const { error } = await chat(withFault('content_filter'));
    expect(error).toMatchObject({
      status: 400,
      innererror: {
        code: 'ResponsibleAIPolicyViolation',
        content_filter_result: { jailbreak: { filtered: true, detected: true } },
      },
    });
  });

  it('answers HTML and nothing at all as gateways do', async () => {
    const html = await chat(withFault('server_error_html'));
    expect([html.status, html.headers.get('content-type')]).toEqual([502, 'text/html']);
    expect(html.body['text']).toContain('<h1>502 Bad Gateway</h1>');
    const empty = await chat(withFault('server_error_empty'));
    expect([empty.status, empty.body['text']]).toEqual([503, '']);
  });

  it('asks to wait as long as the fault says', async () => {
    const simulator = instantSimulator({ faults: [{ reply: 'rate_limited', retryAfterSeconds: 86_400 }] });
    const { headers, error } = await chat(simulator);
    expect(headers.get('retry-after')).toBe('86400');
    expect(error.message).toContain('retry after 86400 seconds');
  });

  it('answers any status that is written out', async () => {
    const reply = { status: 424, code: 'Odd', message: 'Odd thing', headers: { 'retry-after': '7' } };
    const { status, error, headers } = await chat(instantSimulator({ faults: [{ reply }] }));
    expect([status, error.code, error.message, headers.get('retry-after')]).toEqual([424, 'Odd', 'Odd thing', '7']);
  });

  it.each<[FaultName, boolean]>([
    ['content_filter', true],
    ['context_length', true],
    ['server_error_json', true],
    ['server_error_html', true],
    ['unauthorized', false],
    ['rate_limited', false],
  ])('%s quotes the issue only on request', async (reply, quotes) => {
    const quoted = JSON.stringify((await chat(withFault(reply, true), { text: MARKER })).body);
    expect(quoted.includes(MARKER)).toBe(quotes);
    expect(JSON.stringify((await chat(withFault(reply), { text: MARKER })).body)).not.toContain(MARKER);
  });
});

describe('faults of the connection', () => {
  it('reset throws, timeout never answers', async () => {
    const simulator = instantSimulator({
      faults: [
        { when: { textIncludes: 'cut' }, reply: 'reset' },
        { when: { textIncludes: 'wait' }, reply: 'timeout' },
      ],
    });
    await expect(chat(simulator, { text: 'cut' })).rejects.toThrow(ConnectionReset);
    const gone = new AbortController();
    const waiting = expect(chat(simulator, { text: 'wait', signal: gone.signal })).rejects.toThrow('given up');
    gone.abort(new Error('given up'));
    await waiting;
    expect(simulator.stats()).toMatchObject({ calls: 2, unanswered: 2, completed: 0 });
  });
});

describe('faults of the answer', () => {
  const schema = strictObject({ summary: { type: 'string' }, labels: { type: 'array', items: { type: 'string' } } });

  it('length cuts the JSON and does not count as an answer', async () => {
    const simulator = withFault('length');
    const { finishReason, content } = await chat(simulator, { schema });
    expect(finishReason).toBe('length');
    expect(() => JSON.parse(content ?? '')).toThrow(SyntaxError);
    expect(simulator.stats().answeredPrompts).toBe(0);
  });

  it('refusal has a text of its own and no content', async () => {
    const { status, content, refusal, finishReason } = await chat(withFault('refusal'), { schema });
    expect([status, content, finishReason]).toEqual([200, null, 'stop']);
    expect(refusal).toContain("can't assist");
  });

  it('completion_filtered ends with content_filter', async () => {
    expect((await chat(withFault('completion_filtered'), { schema })).finishReason).toBe('content_filter');
  });

  it('not_json is no JSON, schema_mismatch is JSON that lacks a member', async () => {
    expect(() => JSON.parse('')).toThrow();
    const noJson = await chat(withFault('not_json'), { schema });
    expect(() => JSON.parse(noJson.content ?? '')).toThrow(SyntaxError);
    const mismatch = await chat(withFault('schema_mismatch'), { schema });
    expect(Object.keys(JSON.parse(mismatch.content ?? ''))).toEqual(['labels']);
    const nothing = await chat(withFault('schema_mismatch'), { schema: strictObject({}) });
    expect(nothing.content).toBe('[]');
  });
});

describe('which calls are hit', () => {
  it('counts the calls of one issue, also when a repair request follows', async () => {
    const simulator = instantSimulator({
      faults: [{ when: { textIncludes: MARKER }, attempts: 1, reply: 'not_json' }],
    });
    const issue = { role: 'user', content: `Title: Export fails ${MARKER}` };
    const first = await chat(simulator, { body: { messages: [issue] } });
    expect(first.content).toContain('Sure!');
    const repair = { role: 'user', content: 'Please answer in JSON.' };
    const second = await chat(simulator, {
      body: { messages: [issue, { role: 'assistant', content: first.content }, repair] },
    });
    expect(JSON.parse(second.content ?? '')).toMatchObject({ category: 'bug' });
  });

  it('does not count calls that the limits refuse', async () => {
    const clock = createSteppedClock();
    const simulator = instantSimulator({
      clock,
      requestsPerMinute: 60,
      faults: [{ attempts: 2, reply: 'server_error_json' }],
    });
    const statuses: number[] = [];
    for (const step of [0, 0, 1000, 1000]) {
      clock.advance(step);
      statuses.push((await chat(simulator)).status);
    }
    expect(statuses).toEqual([500, 429, 500, 200]);
  });

  it('lets errors of the server take time, refusals none', async () => {
    const clock = createSteppedClock();
    const simulator = instantSimulator({
      clock,
      latencyMs: 100,
      faults: [{ when: { textIncludes: 'late' }, reply: 'server_error_json' }, { reply: 'unauthorized' }],
    });
    expect((await chat(simulator, { text: 'now' })).status).toBe(401);
    const late = chat(simulator, { text: 'late' });
    await clock.untilSleeping(1);
    clock.advance(600_000);
    expect((await late).status).toBe(500);
  });
});
