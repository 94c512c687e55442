import { expect, test } from 'vitest';
import { cookieSchema, setCookieHeader } from '../../../../local/host/http/cookie.ts';

const header = (cookie: object) => setCookieHeader(cookieSchema.parse(cookie));

test('a cookie of name and value alone', () => {
  expect(header({ name: 'a', value: '1', sameSite: 'none' })).toBe('a=1');
});

test('every attribute, with the value percent-encoded', () => {
  const cookie = {
    name: 'session',
    value: "a b;c'(!)",
    domain: { value: 'example.org' },
    path: { value: '/x' },
    expires: { value: { seconds: 1_767_225_600 } },
    secure: { value: true },
    httpOnly: { value: true },
    maxAge: { value: 60 },
    sameSite: 'explicitNone',
  };
  expect(header(cookie)).toBe(
    'session=a%20b%3Bc%27%28%21%29; expires=Thu, 01 Jan 2026 00:00:00 GMT; max-age=60; domain=example.org; path=/x; secure; samesite=none; httponly',
  );
});

test('false attributes are absent, and sameSite is written as given', () => {
  expect(header({ name: 'a', value: '', secure: { value: false }, httpOnly: { value: false }, sameSite: 'lax' })).toBe(
    'a=; samesite=lax',
  );
  expect(header({ name: 'a', value: '', sameSite: 'strict' })).toBe('a=; samesite=strict');
});

test('max-age 0, which deletes a cookie, is kept', () => {
  expect(header({ name: 'a', value: '', maxAge: { value: 0 } })).toBe('a=; max-age=0');
});
