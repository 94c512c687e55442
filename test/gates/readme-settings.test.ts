import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { settingsIn, settingsTable, withSettings } from '../../scripts/settings-table.ts';
import { SETTINGS } from '../../src/core/settings.ts';
import { ROOT } from '../helpers/source-code.ts';

test('the README shows the settings as they are (node scripts/run.mjs scripts/settings-table.ts --write)', () => {
  expect(settingsIn(readFileSync(join(ROOT, 'README.md'), 'utf8'))).toBe(settingsTable());
});

describe('the table', () => {
  test('has a row for each setting, with default, range and meaning', () => {
    const lines = settingsTable().trim().split('\n');
    expect(lines).toHaveLength(2 + Object.keys(SETTINGS).length);
    expect(lines[0]).toBe('| Variable | Default | Allowed | Meaning |');
    expect(lines).toContain(
      '| `CACHE_TTL_SECONDS` | 2,592,000 | an integer from 0 to 315360000 | how long answers are used again; 0 = never |',
    );
    expect(lines).toContain(
      '| `AZURE_OPENAI_API_KEY` | – | a key | only if set; otherwise Entra ID (`DefaultAzureCredential`) |',
    );
    for (const line of lines) expect(line.split(' | ')).toHaveLength(4);
  });
});

describe('a README', () => {
  const readme = 'Before\n<!-- settings -->\nold $& table\n<!-- /settings -->\nAfter\n';

  test('whose table is old is told from one whose table is today’s', () => {
    expect(settingsIn(readme)).not.toBe(settingsTable());
    expect(settingsIn(withSettings(readme))).toBe(settingsTable());
  });

  test('keeps everything else when the table is written', () => {
    const written = withSettings(readme);
    expect(written.startsWith('Before\n<!-- settings -->\n')).toBe(true);
    expect(written.endsWith('<!-- /settings -->\nAfter\n')).toBe(true);
    expect(withSettings(written)).toBe(written);
  });

  test('without marks is refused', () => {
    expect(() => settingsIn('Before\nAfter\n')).toThrow('README.md has no <!-- settings -->');
    expect(() => withSettings('Before\nAfter\n')).toThrow('README.md has no <!-- settings -->');
  });
});
