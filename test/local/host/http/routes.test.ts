import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRoute } from '../../../../local/host/http/routes.ts';

test.each([
  ['runs', '/api/runs', {}],
  ['runs', '/API/Runs/', {}],
  ['runs', '/api/run', undefined],
  ['runs', '/api/runs/1', undefined],
  ['runs/{id}', '/api/runs/a%20b', { id: 'a b' }],
  ['runs/{id}', '/api/runs/a%2Fb', { id: 'a%2Fb' }],
  ['runs/{id}', '/api/runs/%E0%A4%A', { id: '%E0%A4%A' }],
  ['runs/{id}', '/api/runs/', undefined],
  ['runs/{id}/{view?}', '/api/runs/7', { id: '7' }],
  ['runs/{id}/{view?}', '/api/runs/7/report', { id: '7', view: 'report' }],
  ['runs/{id:int}', '/api/runs/7', { id: '7' }],
  ['runs/{id:int}', '/api/runs/seven', undefined],
  ['runs/{id:int?}', '/api/runs', {}],
  ['runs/{id:length(3)}', '/api/runs/whatever', { id: 'whatever' }],
  ['runs/{id:guid}', '/api/runs/01234567-89ab-cdef-0123-456789ABCDEF', { id: '01234567-89ab-cdef-0123-456789ABCDEF' }],
  ['flags/{on:bool}', '/api/flags/TRUE', { on: 'TRUE' }],
  ['files/{name}.{ext:alpha}', '/api/files/a.b.csv', { name: 'a.b', ext: 'csv' }],
  ['files/{*path}', '/api/files/a/b/c', { path: 'a/b/c' }],
  ['files/{**path}', '/api/files', {}],
  ['/runs/', '/api/runs', {}],
  ['a+b (c)', '/api/a+b%20(c)', {}],
])('%s on %s gives %j', (template, path, values) => {
  expect(parseRoute('api', template).match(path)).toEqual(values);
});

test('an empty prefix puts routes at the root', () => {
  expect(parseRoute('', 'runs/{id}').match('/runs/1')).toEqual({ id: '1' });
  expect(parseRoute('', '{id?}').match('/')).toEqual({});
});

test.each(['runs/{id', 'runs/{}', 'runs/x{*rest}', 'runs/{a b}'])('%s is refused by name', template => {
  expect(() => parseRoute('api', template)).toThrow(`Route "${template}": cannot read`);
});

test('text wins over a constrained parameter, that over a plain one, that over the rest of the path', () => {
  const templates = ['files/{*path}', 'files/{name}', 'files/{id:int}', 'files/list'];
  const sorted = templates.map(template => parseRoute('api', template).precedence).sort();
  expect(sorted).toEqual([...templates].reverse().map(template => parseRoute('api', template).precedence));
});

test('any value that is percent-encoded arrives as it was', () => {
  const value = fc
    .string({ minLength: 1, unit: 'grapheme' })
    .filter(text => !text.includes('/') && text.isWellFormed());
  fc.assert(
    fc.property(value, value, (first, second) => {
      const path = `/api/x/${encodeURIComponent(first)}/y/${encodeURIComponent(second)}`;
      expect(parseRoute('api', 'x/{first}/y/{second}').match(path)).toEqual({ first, second });
    }),
  );
});
