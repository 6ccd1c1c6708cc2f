// The live demo between two emulated hosts, each with a kernel of its own: a vcpud in each that listens with mutual TLS,
// the orchestrator on this machine, and memory and states from host to host directly. Called by main.ts.

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { VcpudClient } from '../lib/api/client.js';
import type { TlsMaterial } from '../lib/api/tls-files.js';
import { Authority } from '../test/harness/certificates.js';
import type { CpuKind } from '../test/harness/host-kind.js';
import type { Station } from '../test/harness/moving-guest.js';
import { VCPUD } from '../test/harness/programs.js';
import type { Kernel } from '../test/testbed/kernel.js';
import { DEFAULTS, GATEWAY, runInTestbed, TestbedProblem } from '../test/testbed/run.js';
import { type Moved, type MovesWatcher, moveBackAndForth, movedSummary } from './moves.js';
import { type Scenario, timeLimitMs } from './options.js';
import { Phases } from './phases.js';

export interface TwoHostsResult extends Moved {
  readonly vendor: CpuKind;
  /** uname -r of each. */
  readonly kernels: readonly string[];
  readonly phases: ReadonlyArray<{ readonly name: string; readonly ms: number }>;
  readonly verified: boolean;
}

/** Both emulators take turns on this machine's CPUs, and each call waits for its host's. */
const CALL_TIMEOUT_MS = 300_000;
/**
 * What a blackout may be predicted as, ms: two emulated hosts share this machine's CPUs with whatever else there is, and
 * send what a guest has written by TLS. What is shown here is that it moves.
 */
const MAX_BLACKOUT_MS = 5000;
/** Where vcpud listens in its host. */
const PORT = 7443;

/** Its identity comes in the environment: nothing of it is written outside of the emulated host. */
const SERVE = `umask 077 && cd /tmp && printf %s "$CA" > ca.crt && printf %s "$CERT" > host.crt && printf %s "$KEY" > host.key &&
exec node "$@" --tls-ca ca.crt --tls-cert host.crt --tls-key host.key`;

/** OpenSSL's code for AES, AVX and the like goes wrong on Bochs: "bad record mac". Without, it uses what every x86-64 has. */
const WITHOUT_VECTOR_CODE = { OPENSSL_ia32cap: '0:0' } as const;

interface EmulatedVcpud extends Station {
  /** Ends the host. */
  end(): Promise<void>;
}

/** A port of 127.0.0.1 that is free now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Boots a host with a vcpud in it; resolves when that listens. */
async function emulatedVcpud(
  cpu: CpuKind,
  kernel: Kernel,
  identity: TlsMaterial,
  own: TlsMaterial,
  timeoutMs: number,
  progress: (line: string) => void,
): Promise<EmulatedVcpud> {
  const hostPort = await freePort();
  const ending = new AbortController();
  let wrote = '';
  let listens: () => void = () => undefined;
  const listening = new Promise<void>((resolve) => {
    listens = resolve;
  });
  const ended = runInTestbed({
    ...DEFAULTS,
    cpu,
    kernel,
    cwd: process.cwd(),
    command: ['sh', '-c', SERVE, 'sh', VCPUD, 'serve', '--listen', `tcp://127.0.0.1:${PORT}`],
    env: {
      CA: identity.ca.toString(),
      CERT: identity.cert.toString(),
      KEY: identity.key.toString(),
      ...(cpu === 'intel' ? WITHOUT_VECTOR_CODE : {}),
    },
    forwards: [{ hostPort, guestPort: PORT }],
    timeoutMs,
    progress,
    signal: ending.signal,
    onStdout: (chunk) => {
      if (chunk.includes('listens on')) listens();
    },
    onStderr: (chunk) => {
      wrote = (wrote + chunk.toString()).slice(-10_000);
    },
  });
  const early = ended.then(({ exitCode }) => {
    throw new TestbedProblem(`vcpud ended with status ${exitCode} in the emulated host`, wrote);
  });
  early.catch(() => undefined); // what ends it later is this process
  await Promise.race([listening, early]);
  const client = new VcpudClient(`tcp://127.0.0.1:${hostPort}`, { timeoutMs: CALL_TIMEOUT_MS, tls: own });
  return {
    client,
    endpoint: `tcp://${GATEWAY}:${hostPort}`,
    end: async () => {
      client.close();
      ending.abort(new Error('no longer needed'));
      await ended.catch(() => undefined);
    },
  };
}

async function demo(
  { cpu, guest, migrations, kernels }: Extract<Scenario, { kind: 'two hosts' }>,
  say: (line: string) => void,
  progress: (line: string) => void,
): Promise<TwoHostsResult> {
  const phases = new Phases(say);
  const timeoutMs = timeLimitMs(cpu, migrations);
  const authority = await Authority.make('the demo');
  const own = await authority.issue('orchestrator', { sides: ['client'] });
  const vcpuds: EmulatedVcpud[] = [];
  try {
    for (const [i, kernel] of kernels.entries()) {
      // Each has the other's name for it, and this machine's.
      const identity = await authority.issue(`host-${i + 1}`, { addresses: ['127.0.0.1', GATEWAY] });
      const told = (line: string) => progress(`host ${i + 1}: ${line}`);
      await phases.timed(
        `host ${i + 1}`,
        `kernel ${kernel}, and a vcpud that listens with mutual TLS`,
        async () => {
          vcpuds.push(await emulatedVcpud(cpu, kernel, identity, own, timeoutMs, told));
        },
      );
    }
    const [first, second] = vcpuds as [EmulatedVcpud, EmulatedVcpud];
    const releases = await Promise.all(
      vcpuds.map(async ({ client }) => (await client.host.GetHost({})).host?.kernelRelease ?? ''),
    );
    const watcher: MovesWatcher = {
      moved: (done, { preflight }) => {
        // What one way finds does not change.
        if (done > 2) return;
        const found = preflight.findings.map(({ severity, reason, subject }) =>
          [severity.replace('COMPATIBILITY_SEVERITY_', ''), reason, subject].join(' ').trim(),
        );
        const [from, to] = done === 1 ? releases : [...releases].reverse();
        say(`         ${from} to ${to}: ${found.length === 0 ? 'nothing found' : found.join('; ')}`);
      },
    };
    const moved = await moveBackAndForth(
      guest,
      [first, second],
      migrations,
      phases,
      watcher,
      MAX_BLACKOUT_MS,
    );
    return {
      vendor: cpu,
      kernels: releases,
      ...moved,
      phases: phases.all,
      verified: moved.troubles.length === 0 && moved.migrations === migrations,
    };
  } finally {
    await Promise.all(vcpuds.map((vcpud) => vcpud.end()));
  }
}

/** Shows it; gives the exit status. Throws TestbedProblem. */
export async function betweenTwoHosts(
  scenario: Extract<Scenario, { kind: 'two hosts' }>,
  json: boolean,
  progress: (line: string) => void,
): Promise<number> {
  const say = (line: string) => void (json ? process.stderr : process.stdout).write(`${line}\n`);
  const result = await demo(scenario, say, progress);
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    for (const line of [
      ...movedSummary(result),
      `hosts          ${result.kernels.join(' and ')}`,
      `verified       ${result.verified ? 'yes: no count lost or reset, no complaint, nothing left behind' : 'NO'}`,
    ])
      say(line);
  }
  return result.verified ? 0 : 1;
}
