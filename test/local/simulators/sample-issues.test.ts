import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { zodResponseFormat } from 'openai/helpers/zod';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Json } from '../../../local/simulators/schema-tree.ts';
import { analysisNamed } from '../../../src/core/analyses.ts';
import { messagesFor } from '../../../src/core/analysis.ts';
import { chat, instantSimulator } from '../../helpers/openai-simulator.ts';

const row = z.strictObject({
  key: z.string().min(1),
  title: z.string(),
  description: z.string(),
  type: z.string(),
  labels: z.string(),
  comments: z.string(),
});
const file = readFileSync(new URL('../../../examples/sample-issues.csv', import.meta.url), 'utf8');
const issues = z.array(row).parse(parse(file, { columns: true }));

const triage = analysisNamed('triage');
const answerSchema = z.strictObject({
  category: z.string(),
  priority: z.string(),
  priorityReason: z.string().min(10).max(300),
  component: z.string().min(2).nullable(),
  summary: z.string().min(5).max(240),
  labels: z.array(z.string().min(2)).max(5),
  missingInformation: z.array(z.string().min(5)).max(6),
  language: z.string().regex(/^[a-z]{2}$/),
  confidence: z.number().min(0).max(1),
});
const responseFormat = zodResponseFormat(triage.wireSchema, triage.name) as unknown as Json;
const simulator = instantSimulator();

/** Asks as the app asks, so that the samples are judged by the wording and the schema that it sends. */
async function triaged({ key, title, type, labels, description, comments }: z.infer<typeof row>) {
  const issue = {
    id: key,
    title,
    type,
    description,
    labels: labels.split(',').filter(Boolean),
    comments: comments.split('\n').filter(Boolean),
  };
  const messages = messagesFor(triage, issue).map(message => ({ ...message }));
  const { content } = await chat(simulator, {
    body: { messages, response_format: responseFormat, max_completion_tokens: 1200 },
  });
  const answer: unknown = JSON.parse(content ?? '');
  triage.checkSchema.parse(answer);
  return answerSchema.parse(answer);
}

describe('the sample issues', () => {
  it('are 60 with keys of their own, three pairs equal in content, one empty, two very long', () => {
    expect(issues).toHaveLength(60);
    expect(new Set(issues.map(({ key }) => key)).size).toBe(60);
    expect(new Set(issues.map(({ key: _, ...content }) => JSON.stringify(content))).size).toBe(57);
    expect(issues.filter(({ title, description }) => title === '' && description === '')).toHaveLength(1);
    expect(issues.filter(({ description }) => description.length > 8000 && description.length < 20_000)).toHaveLength(
      2,
    );
  });

  it('are all triaged in the form that was asked for', async () => {
    const answers = await Promise.all(issues.map(triaged));
    expect(new Set(answers.map(({ category }) => category)).size).toBe(9);
    expect(new Set(answers.map(({ priority }) => priority)).size).toBe(4);
    expect(new Set(answers.map(({ language }) => language))).toEqual(
      new Set(['en', 'de', 'fr', 'es', 'pt', 'ja', 'pl', 'uk', 'zh', 'it', 'ko']),
    );
  });

  it.each([
    ['TIDE-101', 'crash', 'high', 'scheduler'],
    ['QDB-44', 'crash', 'critical', 'database'],
    ['QDB-17', 'crash', 'high', null],
    ['COP-210', 'crash', 'high', 'devices'],
    ['MPAY-88', 'crash', 'medium', 'billing'],
    ['COP-240', 'bug', 'critical', 'dashboard'],
    ['MPAY-91', 'bug', 'critical', 'billing'],
    ['PEL-82', 'bug', 'critical', 'authentication'],
    ['LARK-31', 'bug', 'medium', 'export'],
    ['LARK-58', 'bug', 'low', 'sync'],
    ['COP-247', 'bug', 'low', 'user interface'],
    ['LARK-60', 'feature_request', 'low', 'user interface'],
    ['TIDE-130', 'feature_request', 'low', 'api'],
    ['TIDE-141', 'question', 'low', null],
    ['QDB-85', 'documentation', 'low', 'documentation'],
    ['QDB-92', 'performance', 'high', 'database'],
    ['LARK-77', 'performance', 'medium', 'editor'],
    ['PEL-120', 'security', 'critical', 'calendar'],
    ['COP-281', 'security', 'high', 'permissions'],
    ['LARK-201', 'crash', 'critical', 'sync'],
    ['PEL-207', 'bug', 'medium', 'storage'],
    ['COP-209', 'question', 'low', 'notifications'],
    ['FER-105', 'task', 'low', 'network'],
    ['PEL-130', 'other', 'low', null],
    ['LARK-90', 'other', 'low', null],
    ['COP-300', 'other', 'low', null],
  ])('%s is read as a person would: %s, %s, %s', async (key, category, priority, component) => {
    const issue = issues.find(candidate => candidate.key === key);
    expect(issue).toBeDefined();
    if (issue) expect(await triaged(issue)).toMatchObject({ category, priority, component });
  });
});
