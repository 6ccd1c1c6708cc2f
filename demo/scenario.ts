// The demo itself, on a host whose KVM has nested state: two vcpud processes, a VM whose guest runs a guest of its
// own, and the move from the one to the other while L2 counts. Run by demo/main.ts, here or in the testbed.

import { parseArgs } from 'node:util';
import { migrate, type Phase } from '../lib/migration/migrate.js';
import type { VmState__Output } from '../protos/gen/vcpud/v1/VmState.js';
import { type Counters, createGuest, NORMAL, readCounters } from '../test/guests/guest.js';
import { countersOf } from '../test/guests/small-console.js';
import { startVcpud, type VcpudProcess } from '../test/harness/vcpud-process.js';
import { Watcher } from '../test/harness/watcher.js';
import { Phases } from './phases.js';

const VM = 'demo';

export interface DemoResult {
  readonly driver: 'native';
  readonly vendor: 'amd' | 'intel';
  readonly kernel: string;
  readonly format: 'SVM' | 'VMX';
  readonly guest_mode: boolean;
  readonly nested_state_bytes: number;
  readonly l1: { readonly before: string; readonly after: string };
  readonly l2: { readonly before: string; readonly after: string };
  readonly blackout_ms: number;
  readonly phases: ReadonlyArray<{ readonly name: string; readonly ms: number }>;
  readonly verified: boolean;
}

const round = (ms: number): number => Math.round(ms * 10) / 10;

async function demo(say: (line: string) => void): Promise<DemoResult> {
  const phases = new Phases(say);
  const vcpuds: VcpudProcess[] = [];
  try {
    await phases.timed('serve', 'two vcpud processes listen on their sockets', async () => {
      vcpuds.push(...(await Promise.all([startVcpud(), startVcpud()])));
    });
    const [{ client: source }, { client: destination }] = vcpuds as [VcpudProcess, VcpudProcess];
    const host = (await source.host.GetHost({})).host;
    await phases.timed('create', 'a VM at the source, with an L1 hypervisor in it', () =>
      createGuest(source, VM, NORMAL, 1),
    );
    const sourceWatcher = new Watcher(source, VM);
    await phases.timed('run', 'L1 has started L2, and L2 counts', async () => {
      await source.vm.RunVm({ name: `vms/${VM}` });
      await sourceWatcher.until('L2 to count', ({ lines }) =>
        lines.find(({ text }) => countersOf(text) !== undefined),
      );
    });
    const notes: Record<Phase, string> = {
      create: 'a VM of the same shape at the destination',
      pause: 'the guest is stopped in L2',
      capture: 'every vCPU and the devices, from one stop',
      move: 'guest memory, source to destination',
      set: 'the state at the destination, checked against the kernel’s rules first',
      check: 'memory and state read back at the destination equal what left the source',
      resume: 'the destination runs',
      delete: 'the source has no trace of it',
    };
    let before: Counters | undefined;
    // The destination's console is watched from the moment its VM exists, so that its first line is not missed.
    let destinationWatcher: Watcher | undefined;
    const result = await migrate({
      source,
      destination,
      vmId: VM,
      accept: async (state) => {
        // What moves is to be a live L2; a pause can find the vCPU in L1 too.
        if (!inL2(state)) return false;
        // Paused, the guest counts no more: this is the last that the source sees.
        before = await readCounters(source, VM, 0);
        return true;
      },
      onPhase: (name, ms) => {
        if (name === 'create') destinationWatcher = new Watcher(destination, VM);
        phases.add(name === 'create' ? 'prepare' : name, ms, notes[name]);
      },
    });
    if (before === undefined || destinationWatcher === undefined) throw new Error('nothing was moved');
    const last = before;
    const first = await destinationWatcher.until('L2 to count on', ({ lines }) => {
      const found = lines.find(({ text }) => (countersOf(text)?.l2 ?? 0n) > last.l2Count);
      const counters = found === undefined ? undefined : countersOf(found.text);
      return found === undefined || counters === undefined ? undefined : { time: found.time, ...counters };
    });
    const pausedAt = lastPause(sourceWatcher);
    const nested = result.state.vcpus[0]?.nestedState;
    const guestMode = nested?.flags.includes('NESTED_STATE_FLAG_GUEST_MODE') ?? false;
    const wentOn = first.l2 > last.l2Count && first.l1 > last.l1Count;
    return {
      driver: 'native',
      vendor: host?.cpuVendor === 'CPU_VENDOR_INTEL' ? 'intel' : 'amd',
      kernel: host?.kernelRelease ?? '',
      format: nested?.format === 'NESTED_STATE_FORMAT_VMX' ? 'VMX' : 'SVM',
      guest_mode: guestMode,
      nested_state_bytes: nested?.data.length ?? 0,
      l1: { before: String(last.l1Count), after: String(first.l1) },
      l2: { before: String(last.l2Count), after: String(first.l2) },
      blackout_ms: round(first.time - pausedAt),
      phases: phases.all,
      // migrate() has thrown where memory or state, read back, were not what left the source.
      verified: wentOn,
    };
  } finally {
    await Promise.all(vcpuds.map((vcpud) => vcpud.stop()));
  }
}

const inL2 = ({ vcpus }: VmState__Output): boolean =>
  vcpus.some(({ nestedState }) => nestedState?.flags.includes('NESTED_STATE_FLAG_GUEST_MODE'));

/** When the source's last pause was done, ms since 1970. */
function lastPause({ events }: Watcher): number {
  const event = events.findLast(({ vm }) => vm?.runState === 'VM_RUN_STATE_PAUSED');
  return Number(event?.eventTime?.seconds ?? 0) * 1000 + (event?.eventTime?.nanos ?? 0) / 1e6;
}

function summary(result: DemoResult): string[] {
  const { l1, l2 } = result;
  return [
    '',
    `nested state   ${result.format}, ${result.nested_state_bytes} bytes, ${result.guest_mode ? 'L2 was running' : 'not in L2'}`,
    `L1 counted     ${l1.before} at the source, went on to ${l1.after} at the destination`,
    `L2 counted     ${l2.before} at the source, went on to ${l2.after} at the destination`,
    `blackout       ${result.blackout_ms} ms, from the pause to the first new count`,
    `verified       ${result.verified ? 'yes: memory and state read back equal, both counters went on' : 'NO'}`,
  ];
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const say = (line: string) => void (values.json ? process.stderr : process.stdout).write(`${line}\n`);
const result = await demo(say);
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else for (const line of summary(result)) say(line);
process.exitCode = result.verified ? 0 : 1;
