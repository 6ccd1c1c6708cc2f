// The text of vcpuctl migrate: the pre-flight's findings, a line a round, the result. Pure.

import type { Preflight } from '../../lib/migration/preflight.js';
import {
  blackoutText,
  byteText,
  comparedText,
  dirtyRateText,
  rateText,
  timeText,
} from '../../lib/migration/report/quantities.js';
import type { MigrationRecord, RoundRecord } from '../../lib/migration/report/record.js';
import { type Detail, details, plural, word } from './output.js';

/** Warnings and blockers, a line each; what is only worth knowing is in the report. */
export function preflightText({ findings }: Preflight): string {
  return findings
    .filter(({ severity }) => severity !== 'COMPATIBILITY_SEVERITY_INFO')
    .map(({ severity, reason, subject, message, sourceValue, destinationValue }) => {
      const values =
        sourceValue === '' && destinationValue === ''
          ? ''
          : ` (source: ${sourceValue}, destination: ${destinationValue})`;
      const what = [reason, subject].filter((part) => part !== '').join(' ');
      return `${word(severity, 'COMPATIBILITY_SEVERITY').toLowerCase()} ${what}: ${message}${values}\n`;
    })
    .join('');
}

/** Rounds come one at a time: the widths are fixed. */
const WIDTHS = [5, 9, 9, 11, 13, 9, 13, 10] as const;
const row = (cells: readonly string[]): string =>
  `${cells.map((cell, i) => cell.padStart(WIDTHS[i] ?? 0)).join('  ')}\n`;

export const ROUND_HEADING = row([
  'ROUND',
  'PAGES',
  'ZERO',
  'SENT',
  'RATE',
  'DIRTY',
  'DIRTY RATE',
  'BLACKOUT',
]);

/** BLACKOUT is the predicted one, were the guest stopped after the round. */
export function roundLine(round: RoundRecord): string {
  return row([
    String(round.round),
    String(round.pages),
    String(round.zeroPages),
    byteText(round.sentBytes),
    rateText(round.sentBytes, round.ms),
    String(round.dirtyPages),
    dirtyRateText(round),
    timeText(round.predictedMs),
  ]);
}

export function resultText(record: MigrationRecord): string {
  return record.dryRun ? dryRunText(record) : movedText(record);
}

function movedText(record: MigrationRecord): string {
  const { vm, destination, limits, result, rounds, memoryBytes, totalMs } = record;
  if (result === undefined) return '';
  const sent = rounds.reduce((sum, { sentBytes }) => sum + sentBytes, result.switchBytes);
  const rows: Detail[] = [
    ['blackout', blackoutText(result.blackoutMs, limits.maxBlackoutMs)],
    ...result.parts.map(({ name, ms }): Detail => [`  ${name}`, timeText(ms)]),
    ['total', timeText(totalMs)],
    ['memory', `${byteText(memoryBytes)} in ${plural(rounds.length, 'round')} and the switch`],
    ['in the switch', `${plural(result.switchPages, 'page')}, ${byteText(result.switchBytes)}`],
    [result.readsSource ? 'read by the destination' : 'sent', byteText(sent)],
    ['compared', comparedText(result.verifiedRanges)],
  ];
  return `${vm} is at ${destination.endpoint}\n${details(rows)}`;
}

function dryRunText({ vm, source, destination, memoryBytes, limits, vcpuCount }: MigrationRecord): string {
  const { bandwidth, maxBlackoutMs } = limits;
  const time =
    bandwidth === 0
      ? 'as long as it takes at full speed: the first round measures it'
      : `at most ${timeText((memoryBytes / bandwidth) * 1000)} at ${byteText(bandwidth)}/s`;
  const rows: Detail[] = [
    ['from', `${source.endpoint}, Linux ${source.kernel}, ${source.cpu}`],
    ['to', `${destination.endpoint}, Linux ${destination.kernel}, ${destination.cpu}`],
    ['vCPUs', String(vcpuCount)],
    ['memory to move', `at most ${byteText(memoryBytes)}; pages that hold zeroes cost nothing`],
    ['first round', time],
    ['then', `rounds until the predicted blackout is ${maxBlackoutMs} ms or less, and the switch`],
  ];
  return `${vm} can move; nothing was touched\n${details(rows)}`;
}
