// The report of a migration: what it shows of which record, that texts stay texts, and that it needs nothing beside itself.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { escaped } from '../../../lib/migration/report/html.js';
import { renderReport } from '../../../lib/migration/report/page.js';
import { byteText, rateText, timeText } from '../../../lib/migration/report/quantities.js';
import type { MigrationRecord } from '../../../lib/migration/report/record.js';
import { Recorder } from '../../../lib/migration/report/record.js';
import { MOVED, notMoved } from '../../harness/migration-record.js';

/** What stands between tags, with runs of white space as one space. */
const textOf = (page: string): string =>
  page
    .replace(/<style>[\s\S]*?<\/style>/, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');

const headingsOf = (page: string): string[] =>
  [...page.matchAll(/<h2 id="[a-z]+">([^<]*)<\/h2>/g)].map(([, heading]) => heading as string);

/** Every tag's name and its attributes' names: what a page is made of, without its texts. */
const skeletonOf = (page: string): string[] =>
  [...page.matchAll(/<(\/?[A-Za-z!][A-Za-z0-9]*)((?:\s+[a-zA-Z-]+="[^"]*")*)[^>]*>/g)].map(
    ([, name, attributes]) =>
      `${name} ${[...(attributes ?? '').matchAll(/([a-zA-Z-]+)="/g)].map(([, each]) => each).join(' ')}`,
  );

describe('the report of a VM that moved', () => {
  const page = renderReport(MOVED);

  test('has every part, in this order', () => {
    expect(headingsOf(page)).toEqual([
      'From where to where',
      'Timeline',
      'Pages per round',
      'Blackout: 36.3 ms',
      'Pre-flight',
      'What was checked',
    ]);
    expect(page).toContain('<title>vms/web: live migration report</title>');
  });

  test.each([
    ['where it is', 'Moved: vms/web is at tcp://host-b:7443'],
    ['both hosts', 'kernel 6.1.0-41-amd64 6.12.48'],
    ['its shape', 'vms/web, 2 vCPUs, 256.0 MiB of memory'],
    ['a phase', 'pre-copy done 130.0 ms 1.26 s'],
    ['a round', 'round 2 9000 10 34.3 MiB 156.1 MiB/s 500 8.9 MiB/s 32.5 ms'],
    ['a part of the blackout', 'memory 21.0 ms'],
    ['a part as the destination measured it', 'restore 6.00 ms'],
    ['a finding', 'warning VCPUS_SHARE_CPUS vCPUs vCPUs would share CPUs. 2 1'],
    ['what was compared', 'all memory (SHA-256 of 16 ranges)'],
  ])('says %s', (_what, text) => {
    expect(textOf(page)).toContain(text);
  });

  test('names each picture, and has a table beside it', () => {
    const pictures = [...page.matchAll(/<svg [^>]*>/g)].map(([svg]) => svg);
    expect(pictures).toHaveLength(3);
    for (const svg of pictures) expect(svg).toMatch(/role="img" aria-label="[^"]{10,}"/);
    for (const id of ['phases', 'rounds', 'blackout']) {
      const section = page.slice(page.indexOf(`<section aria-labelledby="${id}">`));
      expect(section.slice(0, section.indexOf('</section>'))).toContain('<table>');
    }
  });

  test('loads nothing and runs nothing', () => {
    expect(page).not.toMatch(/<(script|link|img|iframe|object|embed|base|form)\b/i);
    expect(page).not.toMatch(/\b(src|href|action|srcset|on[a-z]+)\s*=/i);
    expect(page).not.toMatch(/url\(|@import/i);
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  });
});

describe('other reports', () => {
  test('of one that failed says why, where the guest is, and which phase it was', () => {
    const page = renderReport({
      ...notMoved(),
      phases: [{ phase: 'pre-copy', startMs: 0, ms: 10, ending: 'failed' }],
      failure: {
        message: 'the line was cut',
        guest: 'source',
        advice: 'vms/web is at the source as before.',
      },
    });
    expect(textOf(page)).toContain('Failed: the line was cut vms/web is at the source as before.');
    expect(textOf(page)).toContain('pre-copy failed 0.00 ms 10.0 ms');
    expect(page).toContain('<rect class="failed"');
    expect(headingsOf(page)).not.toContain('Blackout');
  });

  test('of a dry run that may go on says so', () => {
    const page = renderReport({ ...notMoved(), dryRun: true, phases: [], rounds: [] });
    expect(textOf(page)).toContain('vms/web can move to tcp://host-b:7443 Nothing was touched.');
    expect(headingsOf(page)).toEqual(['From where to where', 'Pre-flight', 'What was checked']);
  });

  test('of one that nobody has heard of yet has gaps and no numbers out of thin air', () => {
    const nobody = { endpoint: 'unix:///a', kernel: '', cpu: '', vcpud: '' };
    const { compatible: _compatible, ...others } = notMoved();
    const page = renderReport({
      ...others,
      source: nobody,
      destination: nobody,
      vcpuCount: 0,
      memoryBytes: 0,
      findings: [],
      phases: [],
      rounds: [],
    });
    expect(textOf(page)).toContain('Under way when this page was written');
    expect(textOf(page)).toContain('kernel not known not known');
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
  });
});

/** Text that people who mean no good would write, and any other. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    '</title></style><h1>',
    '&lt;b&gt;',
    '<!--',
    ']]>',
    '\0\ud800',
  ),
);

/** A record with that text in every place that holds one. */
const withText = (text: string): MigrationRecord => {
  const side = { endpoint: text, kernel: text, cpu: text, vcpud: text };
  return {
    ...notMoved(),
    vm: text,
    source: side,
    destination: side,
    findings: MOVED.findings.map((finding) => ({
      ...finding,
      reason: text,
      subject: text,
      message: text,
      sourceValue: text,
      destinationValue: text,
    })),
    failure: { message: text, guest: 'unknown', advice: text },
    result: { ...(MOVED.result as NonNullable<MigrationRecord['result']>), parts: [{ name: text, ms: 1 }] },
  };
};

describe('text', () => {
  const skeleton = skeletonOf(renderReport(withText('plain')));

  test('of any kind changes no tag and no attribute', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        // An advice without text has no paragraph, and a text that begins as one of the destination's parts is one.
        fc.pre(text !== '' && !text.startsWith('destination: '));
        expect(skeletonOf(renderReport(withText(text)))).toEqual(skeleton);
      }),
    );
  });

  test('escaped holds nothing that could end its place, and is the same text again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const safe = escaped(text);
        expect(safe).not.toMatch(/[<>"']/);
        const back = safe
          .replace(/&lt;/g, '<')
          .replace(/&gt;/g, '>')
          .replace(/&quot;/g, '"')
          .replace(/&#39;/g, "'")
          .replace(/&amp;/g, '&');
        expect(back).toBe(text);
      }),
    );
  });

  test('that no document may hold is replaced', () => {
    expect(escaped('a\0b\u007f\ud800\uffffc')).toBe('a\ufffdb\ufffd\ufffd\ufffdc');
  });
});

describe('numbers', () => {
  const finite = fc.double({ min: 0, max: 1e12, noNaN: true });
  test('of any size make a page without NaN or Infinity', () => {
    fc.assert(
      fc.property(finite, finite, fc.nat(), fc.nat(), (ms, predictedMs, pages, dirtyPages) => {
        const round = { round: 1, pages, zeroPages: 0, sentBytes: pages, ms, dirtyPages, predictedMs };
        const page = renderReport({ ...MOVED, totalMs: ms, rounds: [round] });
        expect(page).not.toMatch(/NaN|Infinity|undefined/);
      }),
    );
  });

  test.each([
    [byteText(0), '0 bytes'],
    [byteText(1023), '1023 bytes'],
    [byteText(1536), '1.5 KiB'],
    [byteText(2 ** 50), '1024.0 TiB'],
    [rateText(1024 * 1024, 500), '2.0 MiB/s'],
    [timeText(0.412), '0.41 ms'],
    [timeText(12.34), '12.3 ms'],
    [timeText(2500), '2.50 s'],
  ])('%s', (said, expected) => {
    expect(said).toBe(expected);
  });
});

describe('a recorder', () => {
  const options = {
    vm: 'vms/web',
    sourceEndpoint: 'unix:///a',
    destinationEndpoint: 'unix:///b',
    limits: { maxBlackoutMs: 1, bandwidth: 0, maxRounds: 1, verifyMemory: false },
    dryRun: false,
  };

  test('knows when phases began, which is under way, and which of them failed', () => {
    let now = 1000;
    const recorder = new Recorder(options, new Date(0), () => now);
    recorder.event({ kind: 'begin', phase: 'check' });
    now += 5;
    recorder.event({ kind: 'phase', phase: 'check', ms: 4 });
    expect(recorder.phase).toBeUndefined();
    now += 1;
    recorder.event({ kind: 'begin', phase: 'prepare' });
    now += 2;
    const check = { phase: 'check', startMs: 0, ms: 4, ending: 'done' };
    expect(recorder.phase).toBe('prepare');
    expect(recorder.record().phases).toEqual([
      check,
      { phase: 'prepare', startMs: 6, ms: 2, ending: 'under way' },
    ]);
    recorder.failed({ message: 'no', guest: 'source', advice: '' });
    now += 100;
    expect(recorder.record()).toMatchObject({
      totalMs: 8,
      phases: [check, { phase: 'prepare', startMs: 6, ms: 2, ending: 'failed' }],
    });
  });
});
