import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { writeAnswer } from '../../../local/simulators/answer.ts';
import { readIssue } from '../../../local/simulators/reading/reading.ts';
import type { Json, JsonObject } from '../../../local/simulators/schema-tree.ts';
import { createDraw } from '../../../local/simulators/seeded.ts';
import { strictObject, strictRootSchema } from '../../helpers/openai-simulator.ts';

const CRASH = `Title: [Sync] App crashes for all users after the update
Description:
Since the update to 4.2.0 the app crashes on start on Windows. We lost data.
    at start (/app/main.js:1:1)
TypeError: x is undefined`;
const WISH =
  'Title: Please add an export to PDF\nDescription: It would be nice to have, because we print it every week.';
const ask = (properties: Record<string, Json>, text = CRASH, seed = 1) =>
  writeAnswer(strictObject(properties), readIssue(text), createDraw(seed)) as Record<string, Json>;
const oneOf = (...values: Json[]) => ({ type: 'string', enum: values });

describe('writeAnswer', () => {
  it('fits every schema, for every text', () => {
    fc.assert(
      fc.property(
        strictRootSchema,
        fc.oneof(fc.constantFrom(CRASH, WISH, ''), fc.string()),
        fc.nat(),
        (schema, text, seed) => {
          const answer = writeAnswer(schema, readIssue(text), createDraw(seed));
          expect(z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(answer)).toMatchObject({
            success: true,
          });
        },
      ),
      { numRuns: 400 },
    );
  });

  it('gives the same answer for the same seed', () => {
    fc.assert(
      fc.property(strictRootSchema, fc.nat(), (schema, seed) => {
        const write = () => JSON.stringify(writeAnswer(schema, readIssue(CRASH), createDraw(seed)));
        expect(write()).toBe(write());
      }),
    );
  });

  it('comes to an end in recursive schemas, also where two types contain each other', () => {
    const tree: JsonObject = {
      ...strictObject({ left: { $ref: '#/$defs/node' } }),
      $defs: {
        node: strictObject({ again: { anyOf: [{ $ref: '#/$defs/node' }, { $ref: '#/$defs/leaf' }] } }),
        leaf: oneOf('leaf'),
      },
    };
    expect(JSON.stringify(writeAnswer(tree, readIssue(CRASH), createDraw(1)))).toContain('leaf');
  });

  it('picks kinds by the evidence, with synonyms and missing kinds in mind', () => {
    expect(ask({ category: oneOf('question', 'defect', 'enhancement') })).toEqual({ category: 'defect' });
    expect(ask({ issueType: oneOf('Story', 'Bug', 'Crash') })).toEqual({ issueType: 'Crash' });
    expect(ask({ category: oneOf('defect', 'enhancement') }, WISH)).toEqual({ category: 'enhancement' });
    expect(ask({ category: oneOf('bug', 'other') }, 'Title: hm')).toEqual({ category: 'other' });
    expect(ask({ category: oneOf('bug', 'crash', 'other') }, 'Title: Totals are wrong')).toEqual({ category: 'bug' });
    expect(ask({ category: oneOf('crash', 'other') }, 'Title: Totals wiped')).toEqual({ category: 'crash' });
  });

  it('picks the place on a scale, however it is written', () => {
    expect(ask({ priority: oneOf('low', 'medium', 'high', 'critical') })).toEqual({ priority: 'critical' });
    expect(ask({ severity: oneOf('P1', 'P2', 'P3', 'P4') })).toEqual({ severity: 'P1' });
    expect(ask({ severity: oneOf('S0', 'S1', 'S2') }, WISH)).toEqual({ severity: 'S2' });
    expect(ask({ urgency: oneOf('minor', 'major', 'blocker') }, WISH)).toEqual({ urgency: 'minor' });
    expect(ask({ priority: { type: 'integer', enum: [1, 2, 3, 4, 5] } })).toEqual({ priority: 1 });
  });

  it('picks languages, sentiments and components of a list', () => {
    expect(ask({ language: oneOf('German', 'English') })).toEqual({ language: 'English' });
    expect(ask({ sentiment: oneOf('positive', 'neutral', 'negative') }, 'Title: This is a terrible joke')).toEqual({
      sentiment: 'negative',
    });
    expect(ask({ component: oneOf('billing', 'sync', 'editor') })).toEqual({ component: 'sync' });
  });

  it('lets the seed choose only where the issue says nothing', () => {
    const colours = Array.from(
      { length: 20 },
      (_, seed) => ask({ colour: oneOf('red', 'green', 'blue') }, CRASH, seed)['colour'],
    );
    expect(new Set(colours).size).toBeGreaterThan(1);
    const kinds = Array.from(
      { length: 20 },
      (_, seed) => ask({ category: oneOf('bug', 'question') }, CRASH, seed)['category'],
    );
    expect(new Set(kinds)).toEqual(new Set(['bug']));
  });

  it('chooses the variant whose tag fits the issue', () => {
    const variants = {
      anyOf: [
        strictObject({ kind: { const: 'feature' }, benefit: { type: 'string' } }),
        strictObject({ kind: { const: 'bug' }, trace: { type: 'boolean' } }),
      ],
    };
    expect(ask({ detail: variants })).toEqual({ detail: { kind: 'bug', trace: true } });
    expect(ask({ detail: variants }, WISH)['detail']).toMatchObject({ kind: 'feature' });
  });

  it('answers null for what the issue does not tell', () => {
    const nullable = { type: ['string', 'null'] };
    expect(ask({ component: nullable, version: nullable }, 'Title: hm')).toEqual({ component: null, version: null });
    expect(ask({ component: { anyOf: [{ type: 'string' }, { type: 'null' }] }, version: nullable })).toEqual({
      component: 'Sync',
      version: '4.2.0',
    });
  });

  it('fills strings, lists and numbers by what their names ask for', () => {
    const list = { type: 'array', items: { type: 'string' } };
    const answer = ask({
      priority_reason: { type: 'string' },
      error: { type: 'string' },
      labels: list,
      openQuestions: list,
      confidence: { type: 'number' },
      confidencePercent: { type: 'integer' },
      hasStackTrace: { type: 'boolean' },
      kinds: { type: 'array', items: oneOf('crash', 'data loss', 'documentation') },
    });
    expect(answer['priority_reason']).toContain('all users');
    expect(answer['error']).toBe('TypeError');
    expect(answer['labels']).toEqual(expect.arrayContaining(['crash', 'sync', 'windows']));
    expect(answer['openQuestions']).toContain('steps to reproduce');
    expect(answer['confidence']).toBeGreaterThan(0.5);
    expect(answer['confidence']).toBeLessThan(1);
    expect(answer['confidencePercent']).toBe(Math.round(Number(answer['confidence']) * 100));
    expect(answer['hasStackTrace']).toBe(true);
    expect(answer['kinds']).toEqual(['crash', 'data loss']);
  });

  it('tells the language of a summary that is not in English', () => {
    expect(ask({ summary: { type: 'string' } }, 'Title: Der Export ist leer')).toEqual({
      summary: 'Reported in German: Der Export ist leer.',
    });
  });

  it('goes by a description where the name says nothing', () => {
    expect(ask({ x1: { type: 'string', description: 'Language of the text (ISO 639-1)' } })).toEqual({ x1: 'en' });
  });
});
