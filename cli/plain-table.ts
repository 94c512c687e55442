import Table from 'cli-table3';

const SIDES = ['top', 'bottom', 'mid', 'left', 'right'];
/** No frames: the table reads the same on a terminal and in a file. */
const NO_FRAME = Object.fromEntries(
  SIDES.flatMap(side => [side, `${side}-mid`, `${side}-left`, `${side}-right`, 'middle']).map(name => [name, '']),
);

/**
 * Lays out cells in columns, three blanks apart. Cells may carry terminal styles, which take no room.
 *
 * @param aligns - one for each column
 * @returns lines joined by line breaks, without one at the end
 */
export function plainTable(rows: readonly (readonly string[])[], aligns: readonly ('left' | 'right')[]): string {
  const table = new Table({
    colAligns: [...aligns],
    chars: NO_FRAME,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 3 },
  });
  for (const row of rows) table.push([...row]);
  const lines = table.toString().split('\n');
  return lines.map(line => line.trimEnd()).join('\n');
}
