// The results of a run, as people read them, as JUnit XML for CI systems, and as JSON.

import { facingText } from './facing.js';
import { fullName, type Result } from './row.js';
import type { SuiteReport } from './suite.js';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly notApplicable: number;
}

export function countsOf(results: readonly Result[]): Counts {
  const count = (ending: Result['ending']) => results.filter((result) => result.ending === ending).length;
  return { passed: count('passed'), failed: count('failed'), notApplicable: count('not applicable') };
}

/** "38 passed, 0 failed, 21 not applicable (only on an Intel host (VMX): 20; …)". */
export function summaryText(results: readonly Result[]): string {
  const { passed, failed, notApplicable } = countsOf(results);
  const reasons = new Map<string, number>();
  for (const { ending, got } of results) {
    if (ending === 'not applicable') reasons.set(got, (reasons.get(got) ?? 0) + 1);
  }
  const why = [...reasons].map(([reason, rows]) => `${reason}: ${rows}`).join('; ');
  return `${passed} passed, ${failed} failed, ${notApplicable} not applicable${why === '' ? '' : ` (${why})`}`;
}

const MARKS = { passed: 'ok', failed: 'FAILED', 'not applicable': '-' } as const;

/** A table a group. Rows that don't apply are counted in the summary, and not printed one by one. */
export function reportText({ facing, results, left, ms }: SuiteReport): string {
  const lines = [facingText(facing)];
  for (const group of new Set(results.map((result) => result.group))) {
    const rows = results.filter((row) => row.group === group && row.ending !== 'not applicable');
    if (rows.length === 0) continue;
    lines.push('', group);
    const names = Math.max(...rows.map(({ name }) => name.length));
    const expectations = Math.max('EXPECTED'.length, ...rows.map(({ expected }) => expected.length));
    lines.push(`  ${''.padEnd(6)}  ${'ROW'.padEnd(names)}  ${'EXPECTED'.padEnd(expectations)}  GOT`);
    for (const { ending, name, expected, got } of rows) {
      lines.push(
        `  ${MARKS[ending].padEnd(6)}  ${name.padEnd(names)}  ${expected.padEnd(expectations)}  ${got}`,
      );
    }
  }
  const failed = results.filter(({ ending }) => ending === 'failed');
  if (failed.length > 0) {
    lines.push('', 'Failed:');
    for (const row of failed) {
      lines.push(`  ${fullName(row)}`, `    expected  ${row.expected}`, `    got       ${row.got}`);
    }
  }
  if (left.length > 0)
    lines.push('', 'VMs of the suite that could not be deleted:', ...left.map((vm) => `  ${vm}`));
  lines.push('', `${summaryText(results)} in ${(ms / 1000).toFixed(1)} s`);
  return `${lines.join('\n')}\n`;
}

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** JUnit's XML as CI systems read it: a test case a row. */
export function junitXml({ facing, results, ms }: SuiteReport): string {
  const { passed, failed, notApplicable } = countsOf(results);
  const attributes = `tests="${passed + failed + notApplicable}" failures="${failed}" skipped="${notApplicable}"`;
  const cases = results.map(({ group, name, ending, expected, got, ms: took }) => {
    const open = `    <testcase classname="conformance.${escaped(group)}" name="${escaped(name)}" time="${(took / 1000).toFixed(3)}"`;
    if (ending === 'passed') return `${open}/>`;
    const inside =
      ending === 'failed'
        ? `<failure message="${escaped(`expected ${expected}, got ${got}`)}"/>`
        : `<skipped message="${escaped(got)}"/>`;
    return `${open}>${inside}</testcase>`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${attributes} time="${(ms / 1000).toFixed(3)}">`,
    `  <testsuite name="vcpud conformance" hostname="${escaped(facingText(facing))}" ${attributes} time="${(ms / 1000).toFixed(3)}">`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

/** For programs. */
export function reportJson({ facing, results, left, ms }: SuiteReport): object {
  const { passed, failed, notApplicable } = countsOf(results);
  return {
    endpoint: facingText(facing),
    passed,
    failed,
    notApplicable,
    ms: Math.round(ms),
    left,
    rows: results.map((row) => ({ ...row, ms: Math.round(row.ms) })),
  };
}
