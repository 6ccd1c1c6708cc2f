// A row of the bench's result, and the table that people read. Made by the cases, shown by main.ts.

/** What is to be reached: of the ratio to the floor, or, where there is no floor, of what was measured. */
export interface Target {
  readonly of: 'ratio' | 'measured';
  readonly bound: 'at most' | 'at least';
  readonly value: number;
}

/** A row as a case makes it. */
export interface Measurement {
  readonly name: string;
  /** What was measured, and against what. */
  readonly what: string;
  readonly unit: 'us' | 'ms' | 'calls/s' | 'states/s' | 'MB' | 'MB/s';
  readonly measured: number;
  /** The floor of the same run; absent where a target is absolute. */
  readonly floor?: number;
  /** Median of the rounds' ratios, which need not be the ratio of the medians. */
  readonly ratio?: number;
  /** Absent for rows that only inform. */
  readonly target?: Target;
  /** How many samples, how many were left out, quantiles and whatever else says how good the numbers are. */
  readonly details: Readonly<Record<string, number | string>>;
}

/** Where a row was measured. */
export type Place = 'this machine' | 'emulated';

export interface Row extends Measurement {
  readonly place: Place;
  /** Absent where there is no target. */
  readonly reached?: boolean;
}

export function judged(measurement: Measurement, place: Place): Row {
  const { target } = measurement;
  if (target === undefined) return { ...measurement, place };
  const value = (target.of === 'ratio' ? measurement.ratio : measurement.measured) ?? Number.NaN;
  const reached = target.bound === 'at most' ? value <= target.value : value >= target.value;
  return { ...measurement, place, reached };
}

const HEADINGS = ['what', 'where', 'measured', 'floor', 'ratio', 'to reach', 'reached'];

/** Three significant digits, and never an exponent. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return value.toFixed(Math.min(digits, 4));
}

function cells(row: Row): string[] {
  const { target, unit } = row;
  const bound = target === undefined ? '' : target.bound === 'at most' ? '<= ' : '>= ';
  return [
    row.what,
    row.place,
    `${short(row.measured)} ${unit}`,
    row.floor === undefined ? '' : `${short(row.floor)} ${unit}`,
    row.ratio === undefined ? '' : `${short(row.ratio)}x`,
    target === undefined ? '' : `${bound}${target.value}${target.of === 'ratio' ? 'x' : ` ${unit}`}`,
    row.reached === undefined ? '' : row.reached ? 'yes' : 'NO',
  ];
}

/** A row alone, with its details: progress for people. */
export const line = (row: Row): string => {
  const details = Object.entries(row.details).map(
    ([name, value]) => `${name} ${typeof value === 'number' ? short(value) : value}`,
  );
  return [...cells(row).filter((cell) => cell !== ''), `(${details.join(', ')})`].join('  ');
};

/** The table, one row a line. */
export function table(rows: readonly Row[]): string {
  const lines = [HEADINGS, ...rows.map(cells)];
  const widths = HEADINGS.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  return lines
    .map((line) =>
      line.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))),
    )
    .map((line) => line.join('  ').trimEnd())
    .join('\n');
}
