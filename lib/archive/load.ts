// Loads a saved VM, as a client of the API: a VM of the same shape, under any name, that holds byte for byte what the
// file does. It is there whole, or not at all.

import { isDeepStrictEqual } from 'node:util';
import type { CreateVmRequest } from '../../protos/gen/vcpud/v1/CreateVmRequest.js';
import type { VmState__Output } from '../../protos/gen/vcpud/v1/VmState.js';
import type { WriteMemoryRequest } from '../../protos/gen/vcpud/v1/WriteMemoryRequest.js';
import type { VcpudClient } from '../api/client.js';
import { vcpuSnapshot } from '../api/vcpu-state.js';
import { vmShape } from '../api/vm-shape.js';
import { stretch } from '../api/zero-pages.js';
import { differences } from '../state/snapshot-compare.js';
import type { Run } from './codec.js';
import type { Archive } from './read.js';
import { streamUntilAborted, untilAborted } from './until-aborted.js';

/** What a load does, in order, and why there. The file was verified before: an Archive comes of nothing else. */
export const LOAD_STEPS = [
  ['compatible', 'the host can take the VM: a blocker refuses it before anything is made'],
  ['create', 'a VM of the same shape'],
  ['memory', 'before any state: setting a VMX shadow VMCS reads guest memory'],
  ['state', 'checked by vcpud before its kernel sees it'],
  ['check', 'state and memory read back are what the file holds'],
  ['run', 'the guest goes on, if it is to'],
] as const;

export type LoadStep = (typeof LOAD_STEPS)[number][0];

export interface LoadOptions {
  readonly client: VcpudClient;
  readonly archive: Archive;
  /** The id that the VM is to have. */
  readonly vmId: string;
  readonly afterwards: 'run' | 'stay paused';
  /** Ends the load: its reason is thrown. */
  readonly signal: AbortSignal;
  readonly onStep: (step: LoadStep) => void;
  /** Told of guest memory as it is written (file's bytes), then as it is read back (the VM's). */
  readonly onMemory: (bytes: bigint) => void;
}

/** The host must not be given the VM. Nothing was made. */
export class NotCompatible extends Error {
  /** Of the first blocker: docs/compatibility.md lists them. */
  readonly reason: string;
  constructor(reason: string, message: string) {
    super(message);
    this.name = 'NotCompatible';
    this.reason = reason;
  }
}

/** What the VM holds is not what it was given. It was deleted. */
export class NotHeld extends Error {}

/** The VM id under which a VM was saved. */
export const savedId = ({ vm }: Archive): string => vm.name.slice(vm.name.lastIndexOf('/') + 1);

/**
 * Makes the VM of a file. Rejects with gRPC's errors, with the signal's reason, with ArchiveError where the file was
 * changed since it was verified, with NotCompatible and with NotHeld; there is no VM of it then.
 */
export async function loadVm(options: LoadOptions): Promise<void> {
  const { client, archive, vmId, signal, onStep } = options;
  const name = `vms/${vmId}`;
  const enter = (step: LoadStep) => {
    signal.throwIfAborted();
    onStep(step);
  };
  enter('compatible');
  await requireCompatible(options, name);
  enter('create');
  const request: CreateVmRequest = { vmId, vm: vmShape(archive.vm) };
  await client.vm.CreateVm(request);
  try {
    enter('memory');
    await writeMemory(options, name);
    enter('state');
    await client.vm.SetVmState({ name, state: archive.state });
    enter('check');
    await requireHeld(options, name);
    if (options.afterwards === 'run') {
      enter('run');
      await client.vm.RunVm({ name });
    }
  } catch (error) {
    await client.vm.DeleteVm({ name }).catch((left: Error) => {
      throw new Error(`${(error as Error).message}; and ${name} could not be deleted: ${left.message}`, {
        cause: error,
      });
    });
    throw error;
  }
}

async function requireCompatible({ client, archive }: LoadOptions, name: string): Promise<void> {
  const requirements = { ...archive.requirements, name };
  const { compatible, findings } = await client.host.CheckCompatibility({ requirements });
  if (compatible) return;
  const blocker = findings.find(({ severity }) => severity === 'COMPATIBILITY_SEVERITY_BLOCKER');
  throw new NotCompatible(blocker?.reason ?? '', blocker?.message ?? 'the host cannot take the VM');
}

async function writeMemory({ client, archive, signal, onMemory }: LoadOptions, name: string): Promise<void> {
  // A guest whose memory is all zeroes: WriteMemory wants one message at least, and a new VM's memory is zero.
  if (archive.memoryRuns === 0) return;
  async function* requests(): AsyncGenerator<WriteMemoryRequest> {
    for await (const { gpa, data } of archive.runs()) {
      signal.throwIfAborted();
      yield { name, gpa: String(gpa), data };
      onMemory(BigInt(data.length));
    }
  }
  await untilAborted(signal, client.writeMemory(requests()));
}

async function requireHeld(options: LoadOptions, name: string): Promise<void> {
  const { client, archive } = options;
  const { state } = await client.vm.GetVmState({ name });
  if (state === null) throw new Error('the answer has no state');
  const unlike = unlikeParts(archive.state, state);
  if (unlike.length > 0) throw new NotHeld(`${name} holds another ${unlike.join(', ')} than the file`);
  const at = await firstDifference(archive.runs(), heldRuns(options, name));
  if (at !== undefined) {
    throw new NotHeld(`${name} holds another memory than the file, first at 0x${at.toString(16)}`);
  }
}

/** Parts of a VM's state that KVM's clock and timers change while it is paused. */
const VOLATILE_PARTS: ReadonlySet<string> = new Set<keyof VmState__Output>(['clock', 'irqchips', 'pit']);

function unlikeParts(given: VmState__Output, held: VmState__Output): string[] {
  const devices = Object.entries(given)
    .filter(([part]) => part !== 'vcpus' && !VOLATILE_PARTS.has(part))
    .filter(([part, value]) => !isDeepStrictEqual(value, held[part as keyof VmState__Output]));
  const vcpus = given.vcpus.flatMap((vcpu, i) => {
    const other = held.vcpus[i];
    if (other === undefined) return [`vcpus[${i}]`];
    return differences(vcpuSnapshot(vcpu), vcpuSnapshot(other)).map((part) => `vcpus[${i}].${part}`);
  });
  return [...devices.map(([part]) => part), ...vcpus];
}

async function* heldRuns(
  { client, archive, signal, onMemory }: LoadOptions,
  name: string,
): AsyncGenerator<Run> {
  for (const { gpa, sizeBytes } of archive.vm.memoryRegions) {
    for await (const chunk of streamUntilAborted(signal, client.readMemory({ name, gpa, sizeBytes }))) {
      if (chunk.data !== undefined) yield { gpa: BigInt(chunk.gpa), data: chunk.data };
      onMemory(BigInt(chunk.data?.length ?? chunk.zeroBytes ?? 0));
    }
  }
}

/** The pages of runs that are not zero, in pieces. */
async function* nonZero(runs: AsyncIterable<Run>): AsyncGenerator<Run> {
  for await (const { gpa, data } of runs) {
    for (let start = 0; start < data.length; ) {
      const { end, zero } = stretch(data, start);
      if (!zero) yield { gpa: gpa + BigInt(start), data: data.subarray(start, end) };
      start = end;
    }
  }
}

/** The guest-physical address of the first bytes in which two memories, in the same order, differ. */
export async function firstDifference(
  one: AsyncIterable<Run>,
  other: AsyncIterable<Run>,
): Promise<bigint | undefined> {
  const lefts = nonZero(one);
  const rights = nonZero(other);
  try {
    const next = async (runs: AsyncGenerator<Run>): Promise<Run | undefined> => {
      const { done, value } = await runs.next();
      return done === true ? undefined : value;
    };
    const behind = ({ gpa, data }: Run, bytes: number): Run | undefined =>
      bytes === data.length ? undefined : { gpa: gpa + BigInt(bytes), data: data.subarray(bytes) };
    let left = await next(lefts);
    let right = await next(rights);
    while (left !== undefined && right !== undefined) {
      if (left.gpa < right.gpa) return left.gpa;
      if (right.gpa < left.gpa) return right.gpa;
      const bytes = Math.min(left.data.length, right.data.length);
      if (left.data.compare(right.data, 0, bytes, 0, bytes) !== 0) return left.gpa;
      left = behind(left, bytes) ?? (await next(lefts));
      right = behind(right, bytes) ?? (await next(rights));
    }
    return (left ?? right)?.gpa;
  } finally {
    await lefts.return(undefined);
    await rights.return(undefined);
  }
}
