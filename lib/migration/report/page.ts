// A migration's report: one HTML page that needs nothing beside itself, from what a Recorder holds. Pure.

import type { CompatibilityFinding__Output } from '../../../protos/gen/vcpud/v1/CompatibilityFinding.js';
import { PART_COLOURS, type Part, partsBar, ROUNDS_LEGEND, roundsChart, timeline } from './charts.js';
import { Html, html, NOTHING } from './html.js';
import { byteText, comparedText, dirtyRateText, rateText, timeText } from './quantities.js';
import type { EndRecord, MigrationRecord, PhaseRecord, RoundRecord } from './record.js';
import { STYLE } from './style.js';

/** The page. Whatever the record's texts hold, it is shown as text; nothing is loaded, nothing runs. */
export function renderReport(record: MigrationRecord): string {
  const title = `${record.vm}: ${record.dryRun ? 'pre-flight' : 'live migration'} report`;
  const page = html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${verdict(record)}
${ends(record)}
${timelineSection(record)}
${roundsSection(record)}
${blackoutSection(record)}
${preflightSection(record)}
${checkedSection(record)}
</main>
</body>
</html>
`;
  return page.markup;
}

function section(id: string, heading: string, ...content: readonly Html[]): Html {
  return html`<section aria-labelledby="${id}">
<h2 id="${id}">${heading}</h2>
${content}
</section>`;
}

/** A table whose first column names its rows; columns from `numbersFrom` on are numbers. */
function table(
  headings: readonly string[],
  rows: ReadonlyArray<readonly [string | Html, ...Array<string | Html>]>,
  numbersFrom: number,
): Html {
  const kind = (i: number) => (i >= numbersFrom ? 'number' : 'text');
  const head = headings.map((heading, i) => html`<th scope="col" class="${kind(i)}">${heading}</th>`);
  const body = rows.map(([first, ...others]) => {
    const cells = others.map((cell, i) => html`<td class="${kind(i + 1)}">${cell}</td>`);
    return html`<tr><th scope="row">${first}</th>${cells}</tr>
`;
  });
  return html`<div class="wide"><table>
<thead><tr>${head}</tr></thead>
<tbody>
${body}</tbody>
</table></div>`;
}

const NO_NUMBERS = Number.POSITIVE_INFINITY;

function verdict({ vm, destination, result, failure, compatible, dryRun, totalMs }: MigrationRecord): Html {
  const told = (kind: string, text: string, more = '') =>
    html`<div class="verdict ${kind}" role="status"><p><strong>${text}</strong></p>${more === '' ? NOTHING : html`<p>${more}</p>`}</div>`;
  if (failure !== undefined) return told('bad', `Failed: ${failure.message}`, failure.advice);
  if (result !== undefined) {
    const times = `The guest stood still for ${timeText(result.blackoutMs)}; all of it took ${timeText(totalMs)}.`;
    return told('good', `Moved: ${vm} is at ${destination.endpoint}`, times);
  }
  if (dryRun && compatible === true)
    return told('good', `${vm} can move to ${destination.endpoint}`, 'Nothing was touched.');
  const more =
    'Where this page still says so after the command has ended, the command was killed: ask with --resume.';
  return told('plain', 'Under way when this page was written', more);
}

function ends({ vm, beganAt, vcpuCount, memoryBytes, limits, source, destination }: MigrationRecord): Html {
  const known = (text: string) => (text === '' ? 'not known' : text);
  const row = (name: string, of: (end: EndRecord) => string): [string, string, string] => [
    name,
    known(of(source)),
    known(of(destination)),
  ];
  const shape =
    vcpuCount === 0
      ? ''
      : `, ${vcpuCount} vCPU${vcpuCount === 1 ? '' : 's'}, ${byteText(memoryBytes)} of memory`;
  const bandwidth = limits.bandwidth === 0 ? 'no limit' : `${byteText(limits.bandwidth)}/s`;
  return section(
    'ends',
    'From where to where',
    html`<p>${vm}${shape}. Began at <time datetime="${beganAt}">${beganAt}</time>.</p>`,
    html`<p>Longest blackout ${timeText(limits.maxBlackoutMs)}, rounds at most ${limits.maxRounds}, bandwidth of rounds: ${bandwidth}.</p>`,
    table(
      ['', 'source', 'destination'],
      [
        row('endpoint', ({ endpoint }) => endpoint),
        row('kernel', ({ kernel }) => kernel),
        row('CPU', ({ cpu }) => cpu),
        row('vcpud', ({ vcpud }) => vcpud),
      ],
      NO_NUMBERS,
    ),
  );
}

function timelineSection({ phases, totalMs }: MigrationRecord): Html {
  if (phases.length === 0) return NOTHING;
  const row = ({ phase, startMs, ms, ending }: PhaseRecord): [string, string, string, string] => [
    phase,
    ending,
    timeText(startMs),
    timeText(ms),
  ];
  const rows = table(['phase', 'ending', 'began after', 'took'], phases.map(row), 2);
  return section('phases', 'Timeline', timeline(phases, totalMs), rows);
}

function roundsSection({ rounds, limits, result }: MigrationRecord): Html {
  if (rounds.length === 0) return NOTHING;
  const row = (round: RoundRecord): [string, ...string[]] => [
    `round ${round.round}`,
    String(round.pages),
    String(round.zeroPages),
    byteText(round.sentBytes),
    rateText(round.sentBytes, round.ms),
    String(round.dirtyPages),
    dirtyRateText(round),
    timeText(round.predictedMs),
  ];
  const how = result?.readsSource === true ? 'read by the destination' : 'sent';
  const headings = ['', 'pages', 'zero', how, 'rate', 'dirty after', 'dirty rate', 'predicted blackout'];
  return section(
    'rounds',
    'Pages per round',
    roundsChart(rounds, limits.maxBlackoutMs),
    ROUNDS_LEGEND,
    table(headings, rounds.map(row), 1),
  );
}

/** The destination measures what it does between the last byte and its answer: parts within the source's "answer". */
const AT_DESTINATION = 'destination: ';

function blackoutSection({ result }: MigrationRecord): Html {
  if (result === undefined) return NOTHING;
  const atSource = result.parts.filter(({ name }) => !name.startsWith(AT_DESTINATION));
  const atDestination = result.parts.filter(({ name }) => name.startsWith(AT_DESTINATION));
  const row = ({ name, ms }: Part, i: number): [Html, string] => [
    html`<span class="key part${i % PART_COLOURS}"></span> ${name}`,
    timeText(ms),
  ];
  const within =
    atDestination.length === 0
      ? NOTHING
      : html`<p class="faint">Of the answer, as the destination measured it:</p>
${table(
  ['part', 'took'],
  atDestination.map(({ name, ms }) => [name.slice(AT_DESTINATION.length), timeText(ms)]),
  1,
)}`;
  return section(
    'blackout',
    `Blackout: ${timeText(result.blackoutMs)}`,
    html`<p>${result.switchPages} pages and the states went in it, ${byteText(result.switchBytes)}.</p>`,
    partsBar(atSource),
    table(['part', 'took'], atSource.map(row), 1),
    within,
  );
}

const SEVERITIES: Readonly<Record<string, string>> = {
  COMPATIBILITY_SEVERITY_BLOCKER: 'blocker',
  COMPATIBILITY_SEVERITY_WARNING: 'warning',
  COMPATIBILITY_SEVERITY_INFO: 'info',
};

function preflightSection({ compatible, findings }: MigrationRecord): Html {
  if (compatible === undefined) return NOTHING;
  const said = compatible ? 'The destination can take the VM.' : 'The destination must not be given the VM.';
  const row = (finding: CompatibilityFinding__Output): [Html, ...string[]] => {
    const severity = SEVERITIES[finding.severity] ?? 'not known';
    const { reason, subject, message, sourceValue, destinationValue } = finding;
    return [
      html`<span class="${severity}">${severity}</span>`,
      reason,
      subject,
      message,
      sourceValue,
      destinationValue,
    ];
  };
  const headings = ['severity', 'reason', 'about', 'what it means', 'source', 'destination'];
  const rows =
    findings.length === 0
      ? html`<p>Nothing differs that matters.</p>`
      : table(headings, findings.map(row), NO_NUMBERS);
  return section('preflight', 'Pre-flight', html`<p>${said}</p>`, rows);
}

function checkedSection({ result, compatible }: MigrationRecord): Html {
  const checks: string[] = [];
  if (compatible !== undefined)
    checks.push('Before anything was touched: what the VM asks for, with the destination’s host.');
  if (result !== undefined) {
    checks.push('Before the destination’s kernel saw it: every nested state, by the kernel’s own rules.');
    checks.push(`Before the guest went on: ${comparedText(result.verifiedRanges)}.`);
  }
  if (checks.length === 0) return NOTHING;
  return section(
    'checked',
    'What was checked',
    html`<ul>${checks.map((check) => html`<li>${check}</li>`)}</ul>`,
  );
}
