import { z } from 'zod';

const boxed = <T extends z.ZodType>(value: T) => z.object({ value }).nullish();

/** A cookie as the library hands it to the host. */
export const cookieSchema = z.object({
  name: z.string(),
  value: z.string(),
  domain: boxed(z.string()),
  path: boxed(z.string()),
  expires: boxed(z.object({ seconds: z.number() })),
  secure: boxed(z.boolean()),
  httpOnly: boxed(z.boolean()),
  maxAge: boxed(z.number()),
  /** `none` = the attribute is absent; `explicitNone` = `SameSite=None`. */
  sameSite: z.enum(['none', 'lax', 'strict', 'explicitNone']).default('none'),
});

const SAME_SITE = { none: undefined, lax: 'lax', strict: 'strict', explicitNone: 'none' } as const;

/** Percent-encoding of all but unreserved characters. */
const escapeData = (text: string) =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** The value of a `Set-Cookie` header. The cookie's value is percent-encoded, as on the real host. */
export function setCookieHeader(cookie: z.infer<typeof cookieSchema>): string {
  const { name, value, domain, path, expires, secure, httpOnly, maxAge, sameSite } = cookie;
  const attributes = [
    expires && `expires=${new Date(expires.value.seconds * 1000).toUTCString()}`,
    maxAge && `max-age=${Math.trunc(maxAge.value)}`,
    domain && `domain=${domain.value}`,
    path && `path=${path.value}`,
    secure?.value && 'secure',
    SAME_SITE[sameSite] && `samesite=${SAME_SITE[sameSite]}`,
    httpOnly?.value && 'httponly',
  ];
  return [`${escapeData(name)}=${escapeData(value)}`, ...attributes.filter(Boolean)].join('; ');
}
