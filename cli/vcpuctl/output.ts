// Text for people: sizes, addresses, times, aligned tables. Pure; colours are nobody's need.

import { milliseconds as msOf } from '../../lib/api/duration.js';
import type { Duration__Output } from '../../protos/gen/google/protobuf/Duration.js';
import type { Timestamp__Output } from '../../protos/gen/google/protobuf/Timestamp.js';

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** "4 MiB", "4.1 KiB", "128 bytes": cut, not rounded, to one decimal. */
export function roundSize(bytes: bigint): string {
  if (bytes < 1024n) return bytes === 1n ? '1 byte' : `${bytes} bytes`;
  let power = 1;
  while (power < UNITS.length && bytes >> BigInt(10 * (power + 1)) > 0n) power += 1;
  const tenths = (bytes * 10n) >> BigInt(10 * power);
  const fraction = tenths % 10n === 0n ? '' : `.${tenths % 10n}`;
  return `${tenths / 10n}${fraction} ${UNITS[power - 1]}`;
}

/** Both for reading and exact: "4.1 KiB (4224 bytes)". */
export function size(value: bigint | number | string): string {
  const bytes = BigInt(value);
  return bytes < 1024n ? roundSize(bytes) : `${roundSize(bytes)} (${bytes} bytes)`;
}

/** "0x1000". */
export function hex(value: bigint | number | string): string {
  return `0x${BigInt(value).toString(16)}`;
}

/** An enum's value as a word: "RUNNING" of VM_RUN_STATE_RUNNING. */
export function word(value: string | number, prefix: string): string {
  const text = String(value);
  return text.startsWith(`${prefix}_`) ? text.slice(prefix.length + 1) : text;
}

export const plural = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? '' : 's'}`;

export const yesNo = (value: boolean): string => (value ? 'yes' : 'no');

/** "2026-01-31T12:00:00.123Z"; "-" where there is none. */
export function time(value: Timestamp__Output | null): string {
  if (value === null) return '-';
  return new Date(msOf(value)).toISOString();
}

/** "0.412 ms". */
export function milliseconds(value: Duration__Output | null): string {
  return `${msOf(value).toFixed(3)} ms`;
}

/** For how long something was kept from running. */
export function stopTime(value: Duration__Output | null): string {
  const zero = value === null || (Number(value.seconds) === 0 && value.nanos === 0);
  return zero ? '0 ms, it was not running' : milliseconds(value);
}

/** Rows under headings, each column as wide as its widest cell. */
export function table(headings: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  return columns([headings, ...rows]);
}

export type Detail = readonly [name: string, value: string];

/** Names and values; a row with an empty name goes on with the one before. */
export function details(rows: readonly Detail[]): string {
  return columns(rows);
}

function columns(rows: ReadonlyArray<readonly string[]>): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  }
  const lines = rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '));
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** The end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ vcpuctl ${line}\n`).join('')}`;
}
