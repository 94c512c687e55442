import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { SETTINGS } from '../src/core/settings.ts';

const README = join(resolve(import.meta.dirname, '..'), 'README.md');
const MARKED = /(?<=<!-- settings -->\n).*?(?=<!-- \/settings -->)/s;

/** The settings as a Markdown table: variable, default, what is allowed, meaning. */
export function settingsTable(): string {
  const rows = Object.values(SETTINGS).map(({ env, fallback, allowed, meaning, ...rest }) => [
    `\`${env}\``,
    'shownFallback' in rest ? rest.shownFallback : fallback === null ? '–' : fallback.toLocaleString('en-US'),
    allowed,
    meaning,
  ]);
  const header = ['Variable', 'Default', 'Allowed', 'Meaning'];
  const lines = [header, header.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |\n`);
  return `\n${lines.join('')}\n`;
}

/**
 * The part of a README between `<!-- settings -->` and `<!-- /settings -->`.
 *
 * @throws when there are no such marks
 */
export function settingsIn(readme: string): string {
  const marked = MARKED.exec(readme)?.[0];
  if (marked === undefined) throw new Error('README.md has no <!-- settings --> and <!-- /settings --> lines');
  return marked;
}

/** A README with today's settings between its marks. */
export function withSettings(readme: string): string {
  settingsIn(readme);
  return readme.replace(MARKED, () => settingsTable());
}

if (import.meta.main) {
  if (process.argv.includes('--write')) await writeFile(README, withSettings(await readFile(README, 'utf8')));
  else console.log(settingsTable());
}
