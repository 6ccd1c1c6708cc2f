// The pictures of a report, SVG within the page. Each has its content as a table beside it, which is what is read aloud:
// the picture itself says in one label what it shows.

import { type Html, html, NOTHING } from './html.js';
import { timeText } from './quantities.js';
import type { PhaseRecord, RoundRecord } from './record.js';

/** Coordinates of every picture; the page scales it. */
const WIDTH = 720;
/** Left and right of the bars, for names and values. */
const NAMES = 96;
const VALUES = 96;
const ROW = 26;
const BAR = 16;

export interface Part {
  readonly name: string;
  readonly ms: number;
}

/** A coordinate, short enough to read in the page's source. */
const at = (value: number): string => value.toFixed(1);
/** No bar is too short to be seen. */
const length = (value: number): number => Math.max(value, 1);

/** Phases one below the other, each where it was in time. */
export function timeline(phases: readonly PhaseRecord[], totalMs: number): Html {
  const scale = (WIDTH - NAMES - VALUES) / Math.max(totalMs, 0.001);
  const rows = phases.map(({ phase, startMs, ms, ending }, i) => {
    const x = NAMES + startMs * scale;
    const width = length(ms * scale);
    const kind = ending === 'failed' ? 'failed' : phase === 'switch' ? 'switch' : 'plain';
    return html`<text x="0" y="${at(i * ROW + 14)}">${phase}</text><rect class="${kind}" x="${at(x)}" y="${at(i * ROW + 2)}" width="${at(width)}" height="${BAR}" rx="2"/><text x="${at(x + width + 6)}" y="${at(i * ROW + 14)}">${timeText(ms)}</text>`;
  });
  const label = `Timeline: ${phases.length} phases in ${timeText(totalMs)}`;
  return picture(label, phases.length * ROW, rows);
}

const CHART_HEIGHT = 220;
const CHART_TOP = 14;
const CHART_BOTTOM = 24;

/** For each round: pages sent and pages dirty after it as bars, the predicted blackout as a line, the one allowed as another. */
export function roundsChart(rounds: readonly RoundRecord[], maxBlackoutMs: number): Html {
  const plot = { left: 64, right: WIDTH - 80, top: CHART_TOP, bottom: CHART_HEIGHT - CHART_BOTTOM };
  const mostPages = Math.max(1, ...rounds.map(({ pages, dirtyPages }) => Math.max(pages, dirtyPages)));
  const mostMs = Math.max(1, maxBlackoutMs, ...rounds.map(({ predictedMs }) => predictedMs));
  const slot = (plot.right - plot.left) / Math.max(rounds.length, 1);
  const height = (share: number) => share * (plot.bottom - plot.top);
  const middle = (i: number) => plot.left + (i + 0.5) * slot;
  const bar = Math.min(slot * 0.35, 40);
  const bars = rounds.map(({ round, pages, dirtyPages }, i) => {
    const sent = length(height(pages / mostPages));
    const dirty = length(height(dirtyPages / mostPages));
    return html`<rect class="plain" x="${at(middle(i) - bar)}" y="${at(plot.bottom - sent)}" width="${at(bar)}" height="${at(sent)}"/><rect class="dirty" x="${at(middle(i))}" y="${at(plot.bottom - dirty)}" width="${at(bar)}" height="${at(dirty)}"/><text class="middle" x="${at(middle(i))}" y="${at(plot.bottom + 16)}">${round}</text>`;
  });
  const points = rounds.map(
    ({ predictedMs }, i) => `${at(middle(i))},${at(plot.bottom - height(predictedMs / mostMs))}`,
  );
  const limit = at(plot.bottom - height(maxBlackoutMs / mostMs));
  const dots = points.map((point) => {
    const [x = '', y = ''] = point.split(',');
    return html`<circle class="predicted" cx="${x}" cy="${y}" r="3"/>`;
  });
  const label = `Pages sent and pages dirty after each of ${rounds.length} rounds, with the predicted blackout; the longest allowed is ${timeText(maxBlackoutMs)}`;
  return picture(label, CHART_HEIGHT, [
    html`<line class="axis" x1="${plot.left}" y1="${plot.bottom}" x2="${plot.right}" y2="${plot.bottom}"/>`,
    html`<text x="0" y="${plot.top + 4}">${mostPages}</text><text x="0" y="${plot.bottom}">0 pages</text>`,
    html`<text x="${plot.right + 6}" y="${plot.top + 4}">${timeText(mostMs)}</text><text x="${plot.right + 6}" y="${plot.bottom}">0 ms</text>`,
    ...bars,
    html`<line class="limit" x1="${plot.left}" y1="${limit}" x2="${plot.right}" y2="${limit}"/>`,
    html`<polyline class="predicted" points="${points.join(' ')}"/>`,
    ...dots,
  ]);
}

export const ROUNDS_LEGEND = html`<p class="legend"><span class="key plain"></span> pages sent <span class="key dirty"></span> pages dirty after it <span class="key predicted"></span> blackout predicted then <span class="key limit"></span> longest blackout allowed</p>`;

/** Parts in order, one behind the other, as long as they took. */
export function partsBar(parts: readonly Part[]): Html {
  const total = parts.reduce((sum, { ms }) => sum + ms, 0);
  if (total <= 0) return NOTHING;
  let x = 0;
  const pieces = parts.map(({ ms }, i) => {
    const width = (ms / total) * WIDTH;
    x += width;
    return html`<rect class="part${i % PART_COLOURS}" x="${at(x - width)}" y="0" width="${at(width)}" height="28"/>`;
  });
  return picture(`Parts of the blackout: ${parts.length}, ${timeText(total)} together`, 28, pieces);
}

/** As many as the page's style has. */
export const PART_COLOURS = 6;

function picture(label: string, height: number, content: readonly Html[]): Html {
  return html`<svg role="img" aria-label="${label}" viewBox="0 0 ${WIDTH} ${height}" xmlns="http://www.w3.org/2000/svg">${content}</svg>`;
}
