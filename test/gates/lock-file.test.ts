import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../helpers/source-code.ts';

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
type Lock = Readonly<Record<string, LockedPackage>>;

const lock: Lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;

/** What `npm ci` would refuse: packages that are needed on some platform, but not locked. */
function missingFrom(packages: Lock): string[] {
  return Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies }).filter(name => !isFound(packages, path, name)),
  );
}

/** Looks for a package as Node does: beside the one that needs it, then further up. */
function isFound(packages: Lock, path: string, name: string): boolean {
  if (`${path ? `${path}/` : ''}node_modules/${name}` in packages) return true;
  if (path === '') return false;
  return isFound(packages, path.slice(0, Math.max(0, path.lastIndexOf('/node_modules/'))), name);
}

test('the lock file holds every package of every platform, so that npm ci takes it everywhere', () => {
  expect(Object.keys(lock).length).toBeGreaterThan(300);
  expect(missingFrom(lock)).toEqual([]);
});

test('a package of another platform that is left out is found', () => {
  const { 'node_modules/@biomejs/cli-darwin-arm64': _, ...rest } = lock;
  expect(missingFrom(rest)).toEqual(['@biomejs/cli-darwin-arm64']);
});

test('the lock file names no place to download from', () => {
  expect(Object.entries(lock).filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
});
