// A migration as a report is made of it: one that moved its VM, to change one thing of in a test.

import type { EndRecord, MigrationRecord } from '../../lib/migration/report/record.js';

const end = (endpoint: string, kernel: string): EndRecord => ({
  endpoint,
  kernel,
  cpu: 'AMD EPYC',
  vcpud: '0.1.0',
});

export const MOVED: MigrationRecord = {
  vm: 'vms/web',
  dryRun: false,
  beganAt: '2026-01-01T00:00:00.000Z',
  totalMs: 1450,
  source: end('tcp://host-a:7443', '6.1.0-41-amd64'),
  destination: end('tcp://host-b:7443', '6.12.48'),
  limits: { maxBlackoutMs: 60, bandwidth: 0, maxRounds: 30, verifyMemory: true },
  vcpuCount: 2,
  memoryBytes: 256 * 1024 * 1024,
  compatible: true,
  findings: [
    {
      severity: 'COMPATIBILITY_SEVERITY_WARNING',
      reason: 'VCPUS_SHARE_CPUS',
      message: 'vCPUs would share CPUs.',
      subject: 'vCPUs',
      sourceValue: '2',
      destinationValue: '1',
    },
  ],
  phases: [
    { phase: 'check', startMs: 0, ms: 60, ending: 'done' },
    { phase: 'prepare', startMs: 60, ms: 50, ending: 'done' },
    { phase: 'connect', startMs: 110, ms: 20, ending: 'done' },
    { phase: 'pre-copy', startMs: 130, ms: 1260, ending: 'done' },
    { phase: 'switch', startMs: 1390, ms: 38, ending: 'done' },
    { phase: 'delete', startMs: 1428, ms: 22, ending: 'done' },
  ],
  rounds: [
    {
      round: 1,
      pages: 65536,
      zeroPages: 30000,
      sentBytes: 140_000_000,
      ms: 900,
      dirtyPages: 9000,
      predictedMs: 257,
    },
    {
      round: 2,
      pages: 9000,
      zeroPages: 10,
      sentBytes: 36_000_000,
      ms: 220,
      dirtyPages: 500,
      predictedMs: 32.5,
    },
  ],
  result: {
    migrationId: 'move-1',
    readsSource: false,
    blackoutMs: 36.25,
    parts: [
      { name: 'stop', ms: 0.4 },
      { name: 'capture', ms: 3 },
      { name: 'memory', ms: 21 },
      { name: 'answer', ms: 11.85 },
      { name: 'destination: restore', ms: 6 },
    ],
    switchPages: 480,
    switchBytes: 2_000_000,
    verifiedRanges: 16,
  },
};

/** The same without what only a VM that moved has. */
export function notMoved(): Omit<MigrationRecord, 'result'> {
  const { result: _result, ...others } = MOVED;
  return others;
}
