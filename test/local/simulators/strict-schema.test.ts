import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../../local/simulators/schema-tree.ts';
import { findStrictFault } from '../../../local/simulators/strict-schema.ts';
import { strictObject, strictRootSchema } from '../../helpers/openai-simulator.ts';

const nested = (levels: number): JsonObject =>
  levels === 1 ? strictObject({}) : strictObject({ inner: nested(levels - 1) });

describe('findStrictFault', () => {
  it.each<[string, JsonObject, string, string[]]>([
    ['a root that is no object', { type: 'array', items: { type: 'string' } }, 'must be a JSON Schema of', []],
    ['anyOf at the root', { ...strictObject({}), anyOf: [{ type: 'null' }] }, "'anyOf' is not permitted", []],
    ['an open object', { type: 'object', properties: {}, required: [] }, "'additionalProperties' is required", []],
    ['an optional member', { ...strictObject({ a: { type: 'string' } }), required: [] }, "Missing 'a'", []],
    ['a required name without property', { ...strictObject({}), required: ['b'] }, 'Extra required key "b"', []],
    [
      'minLength',
      strictObject({ a: { type: 'string', minLength: 1 } }),
      "'minLength' is not permitted",
      ['properties', 'a'],
    ],
    [
      'pattern',
      strictObject({ a: { type: 'string', pattern: 'x' } }),
      "'pattern' is not permitted",
      ['properties', 'a'],
    ],
    [
      'format',
      strictObject({ a: { type: 'string', format: 'date' } }),
      "'format' is not permitted",
      ['properties', 'a'],
    ],
    [
      'minimum',
      strictObject({ a: { type: 'integer', minimum: 0 } }),
      "'minimum' is not permitted",
      ['properties', 'a'],
    ],
    [
      'minItems in a list of a branch',
      strictObject({ a: { anyOf: [{ type: 'array', items: { type: 'string' }, minItems: 1 }] } }),
      "'minItems' is not permitted",
      ['properties', 'a', 'anyOf', '0'],
    ],
    ['allOf', strictObject({ a: { allOf: [{ type: 'string' }] } }), "'allOf' is not permitted", ['properties', 'a']],
    ['a list without items', strictObject({ a: { type: 'array' } }), 'missing items', ['properties', 'a']],
    ['no type', strictObject({ a: {} }), "must have a 'type' key", ['properties', 'a']],
    ['an unknown type', strictObject({ a: { type: 'date' } }), "'date' is not a valid type", ['properties', 'a']],
    ['a reference to nothing', strictObject({ a: { $ref: '#/$defs/no' } }), "can't be resolved", ['properties', 'a']],
    ['an empty enum', strictObject({ a: { type: 'string', enum: [] } }), "'enum' must be", ['properties', 'a']],
    ['a schema that is no object', strictObject({ a: true }), 'must be an object', ['properties', 'a']],
    ['a type that contains itself', strictObject({ a: { $ref: '#' } }), 'without an end', []],
    ['six levels', nested(6), 'nests 6 levels', []],
    [
      'too many properties',
      strictObject(
        Object.fromEntries(Array.from({ length: 101 }, (_, i): [string, Json] => [`p${i}`, { type: 'null' }])),
      ),
      '101 properties',
      [],
    ],
  ])('refuses %s', (_, schema, problem, context) => {
    const fault = findStrictFault(schema);
    expect(fault?.problem).toContain(problem);
    expect(fault?.context).toEqual(context);
  });

  it('accepts five levels and recursion that can end', () => {
    expect(findStrictFault(nested(5))).toBeUndefined();
    expect(findStrictFault(strictObject({ children: { type: 'array', items: { $ref: '#' } } }))).toBeUndefined();
  });

  it('accepts every schema that keeps the rules', () => {
    fc.assert(
      fc.property(strictRootSchema, schema => {
        expect(findStrictFault(schema)).toBeUndefined();
      }),
    );
  });

  it('refuses any of them once an object in it is opened', () => {
    fc.assert(
      fc.property(strictRootSchema, schema => {
        const opened = {
          ...schema,
          properties: { extra: { ...strictObject({}), additionalProperties: true } },
          required: ['extra'],
        };
        expect(findStrictFault(opened)?.problem).toContain("'additionalProperties'");
      }),
    );
  });
});
