// The live demo on one host whose KVM has nested state: a guest with a live L2 goes back and forth between two vcpud
// processes while it runs. Run by demo/main.ts, here or in the testbed.

import { parseArgs } from 'node:util';
import { ownMemoryMib, processFacts } from '../test/harness/process-facts.js';
import { startVcpud, type VcpudProcess } from '../test/harness/vcpud-process.js';
import { type Moved, moveBackAndForth, movedSummary } from './moves.js';
import { GUESTS, type GuestName } from './options.js';
import { Phases } from './phases.js';

/** What a vcpud process had early on and at the end. */
interface Growth {
  readonly descriptors: readonly [early: number, last: number];
  readonly memory_mib: readonly [early: number, last: number];
}

export interface LiveDemoResult extends Moved {
  readonly vendor: 'amd' | 'intel';
  readonly kernel: string;
  /** Of each vcpud process. */
  readonly processes: readonly Growth[];
  readonly phases: ReadonlyArray<{ readonly name: string; readonly ms: number }>;
  readonly verified: boolean;
}

interface Facts {
  readonly descriptors: number;
  readonly memoryMib: number;
}

/** By when a process has all that it has once: compiled code, and a heap that has found its size. */
const EARLY_MOVES = 100;
/** A heap breathes by so much, MiB; a tenth of a MiB a move that leaked would be far beyond it. */
const HEAP_BREATHES_MIB = 32;

const factsOf = ({ pid }: VcpudProcess): Facts => ({
  descriptors: processFacts(pid).descriptors,
  memoryMib: Math.round(ownMemoryMib(pid) * 10) / 10,
});

async function demo(
  name: GuestName,
  migrations: number,
  say: (line: string) => void,
): Promise<LiveDemoResult> {
  const phases = new Phases(say);
  const vcpuds: VcpudProcess[] = [];
  try {
    await phases.timed('serve', 'two vcpud processes listen on their sockets', async () => {
      vcpuds.push(...(await Promise.all([startVcpud(), startVcpud()])));
    });
    const [first, second] = vcpuds as [VcpudProcess, VcpudProcess];
    const { host } = await first.client.host.GetHost({});
    let early: Facts[] = [];
    const moved = await moveBackAndForth(name, [first, second], migrations, phases, {
      moved: (done) => {
        if (done === Math.min(EARLY_MOVES, Math.ceil(migrations / 2))) early = vcpuds.map(factsOf);
      },
    });
    const processes = vcpuds.map(factsOf).map((last, i): Growth => {
      const before = early[i] ?? last;
      return {
        descriptors: [before.descriptors, last.descriptors],
        memory_mib: [before.memoryMib, last.memoryMib],
      };
    });
    const troubles = [...moved.troubles, ...processes.flatMap(grown)];
    return {
      vendor: host?.cpuVendor === 'CPU_VENDOR_INTEL' ? 'intel' : 'amd',
      kernel: host?.kernelRelease ?? '',
      ...moved,
      processes,
      phases: phases.all,
      troubles,
      verified: troubles.length === 0 && moved.migrations === migrations,
    };
  } finally {
    await Promise.all(vcpuds.map((vcpud) => vcpud.stop()));
  }
}

/** What grew beyond what a process may have more: at the early time the guest was at one of them, at the end at none. */
function grown({ descriptors, memory_mib: memory }: Growth, i: number): string[] {
  const which = i === 0 ? 'the first vcpud' : 'the second vcpud';
  return [
    ...(descriptors[1] > descriptors[0]
      ? [`${which} has ${descriptors[1]} descriptors open, from ${descriptors[0]}`]
      : []),
    ...(memory[1] > memory[0] + HEAP_BREATHES_MIB
      ? [`${which} has ${memory[1]} MiB, from ${memory[0]}`]
      : []),
  ];
}

function summary(result: LiveDemoResult): string[] {
  const show = ({ descriptors, memory_mib: memory }: Growth) =>
    `${descriptors.join(' -> ')} descriptors, ${memory.join(' -> ')} MiB of its own`;
  return [
    ...movedSummary(result),
    ...result.processes.map((growth, i) => `vcpud ${i + 1}        ${show(growth)}`),
    `verified       ${result.verified ? 'yes: no count lost or reset, no complaint, nothing left behind' : 'NO'}`,
  ];
}

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    guest: { type: 'string', default: 'linux' },
    migrations: { type: 'string', default: '20' },
  },
});
const guest = GUESTS.find((name) => name === values.guest);
if (guest === undefined) throw new Error(`no such guest: ${values.guest}`);
const say = (text: string) => void (values.json ? process.stderr : process.stdout).write(`${text}\n`);
const result = await demo(guest, Number(values.migrations), say);
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else for (const text of summary(result)) say(text);
process.exitCode = result.verified ? 0 : 1;
