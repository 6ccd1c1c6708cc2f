// The report, opened in Debian's Chromium: a browser finds nothing wrong with it, has its rows, and shows something.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderReport } from '../../../lib/migration/report/page.js';
import { MOVED } from '../../harness/migration-record.js';
import { coloursOf } from '../../harness/png.js';
import { type Browser, cachedBrowser } from '../../testbed/browser.js';
import { silent } from '../../testbed/progress.js';

/** The first time some 230 MB are fetched. */
const TIMEOUT_MS = 900_000;

let browser: Browser;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vcpud-report-'));
  browser = await cachedBrowser(silent);
}, TIMEOUT_MS);

afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, page: string): string {
  const path = join(folder, name);
  writeFileSync(path, page);
  return path;
}

test(
  'the browser has the title and every row, and nothing to complain of',
  async () => {
    const { dom, console } = await browser.open(file('report.html', renderReport(MOVED)));
    expect(console).toEqual([]);
    expect(dom).toContain('<title>vms/web: live migration report</title>');
    const rows = [...dom.matchAll(/<tr><th scope="row">(?:<[^>]*>)*\s*([^<]*)/g)].map(([, name]) => name);
    expect(rows).toEqual([
      ...['endpoint', 'kernel', 'CPU', 'vcpud'],
      ...MOVED.phases.map(({ phase }) => phase),
      ...MOVED.rounds.map(({ round }) => `round ${round}`),
      ...['stop', 'capture', 'memory', 'answer', 'restore'],
      'warning',
    ]);
  },
  TIMEOUT_MS,
);

test(
  'text that is a script is shown, and a script that got in all the same would not run',
  async () => {
    const script = '<script>document.title = "taken"</script>';
    const shown = await browser.open(file('text.html', renderReport({ ...MOVED, vm: script })));
    expect(shown.console).toEqual([]);
    expect(shown.dom).toContain(
      '<h1>&lt;script&gt;document.title = "taken"&lt;/script&gt;: live migration report</h1>',
    );
    const injected = renderReport(MOVED).replace('</main>', `${script}</main>`);
    const stopped = await browser.open(file('script.html', injected));
    expect(stopped.dom).toContain('<title>vms/web: live migration report</title>');
    expect(stopped.console.join('\n')).toContain('Content Security Policy');
  },
  TIMEOUT_MS,
);

test(
  'the page has ink on it: text, bars of both kinds, the switch',
  async () => {
    const colours = coloursOf(await browser.screenshot(file('seen.html', renderReport(MOVED)), 1000, 1600));
    const many = (rgb: string) =>
      [...colours].reduce((sum, [colour, count]) => sum + (colour.startsWith(rgb) ? count : 0), 0);
    // --ink, --plain, --dirty and --switch of the light style.
    for (const rgb of ['1b1f24', '4878b8', 'b86e00', 'b3306a'])
      expect([rgb, many(rgb) > 200]).toEqual([rgb, true]);
    expect(many('ffffff')).toBeGreaterThan(500_000);
    expect(coloursOf(await browser.screenshot(file('blank.html', ''), 200, 100)).size).toBe(1);
  },
  TIMEOUT_MS,
);
