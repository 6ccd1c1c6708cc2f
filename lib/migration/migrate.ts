// The reference orchestrator: moves a VM from one vcpud to another, as any program in any language could, by the
// API alone. Stop-and-copy: the guest is paused while memory and state move. Until the destination has been
// checked the guest can go on at the source, and does if anything fails.

import { createHash, type Hash } from 'node:crypto';
import type { MemoryRegion__Output } from '../../protos/gen/vcpud/v1/MemoryRegion.js';
import type { ReadMemoryResponse__Output } from '../../protos/gen/vcpud/v1/ReadMemoryResponse.js';
import type { Vm__Output } from '../../protos/gen/vcpud/v1/Vm.js';
import type { VmState__Output } from '../../protos/gen/vcpud/v1/VmState.js';
import type { WriteMemoryRequest } from '../../protos/gen/vcpud/v1/WriteMemoryRequest.js';
import type { VcpudClient } from '../api/client.js';
import { vcpuSnapshot } from '../api/vcpu-state.js';
import { vmShape } from '../api/vm-shape.js';
import { differences } from '../state/snapshot-compare.js';

/** What a move does, in order, and why there. */
export const PHASES = [
  ['create', 'a VM of the same shape at the destination, while the guest still runs'],
  ['pause', 'the guest stops: here the blackout begins'],
  ['capture', 'every vCPU from one stop, and the devices'],
  ['move', 'memory, before any state: setting a VMX shadow VMCS reads guest memory'],
  ['set', 'the state, checked by the destination before its kernel sees it'],
  ['check', 'memory and state read back at the destination are what left the source'],
  ['resume', 'the guest goes on at the destination: here the blackout ends'],
  ['delete', 'the source is no longer needed'],
] as const;

export type Phase = (typeof PHASES)[number][0];

export interface MigrationOptions {
  readonly source: VcpudClient;
  readonly destination: VcpudClient;
  /** The VM's id, the same on both sides. */
  readonly vmId: string;
  /**
   * Looks at a capture, the guest still paused at the source. One that is not accepted is thrown away: the guest runs
   * on for a moment and is paused again. For those who want a vCPU moved in L2, or out of it.
   */
  readonly accept: (state: VmState__Output) => Promise<boolean>;
  /** Called as each phase ends, with its time in ms. */
  readonly onPhase: (phase: Phase, ms: number) => void;
}

export interface MigrationResult {
  /** What left the source. */
  readonly state: VmState__Output;
  /** Bytes of memory that were not zero and travelled. */
  readonly movedBytes: number;
}

/** How often a guest is paused for a capture that is accepted. */
const MOST_CAPTURES = 200;

/** The move failed; the guest is at the source, running if it ran before. */
export class MigrationFailed extends Error {
  readonly phase: Phase;
  constructor(phase: Phase, cause: unknown) {
    super(`${phase} failed: ${(cause as Error).message}`, { cause });
    this.name = 'MigrationFailed';
    this.phase = phase;
  }
}

/**
 * Moves a VM. Where this returns, the destination held byte for byte what left the source when it was checked, the
 * guest runs there if it ran before, and the source has no trace of it.
 */
export async function migrate({
  source,
  destination,
  vmId,
  accept,
  onPhase,
}: MigrationOptions): Promise<MigrationResult> {
  const name = `vms/${vmId}`;
  const vm = present((await source.vm.GetVm({ name })).vm, 'vm');
  const wasRunning = vm.runState === 'VM_RUN_STATE_RUNNING';
  let phase: Phase = 'create';
  const measured = async <T>(which: Phase, task: () => Promise<T>): Promise<{ result: T; ms: number }> => {
    phase = which;
    const since = performance.now();
    const result = await task();
    return { result, ms: performance.now() - since };
  };
  const timed = async <T>(which: Phase, task: () => Promise<T>): Promise<T> => {
    const { result, ms } = await measured(which, task);
    onPhase(which, ms);
    return result;
  };
  let created = false;
  try {
    await timed('create', () => createAlike(destination, vmId, vm));
    created = true;
    let state: VmState__Output | undefined;
    for (let tries = 0; state === undefined; tries += 1) {
      if (tries === MOST_CAPTURES) throw new Error(`none of ${tries} captures was accepted`);
      const pauseMs = await measured('pause', () => source.vm.PauseVm({ name }));
      const captureMs = await measured('capture', () => source.vm.GetVmState({ name }));
      const captured = present(captureMs.result.state, 'state');
      if (await accept(captured)) {
        onPhase('pause', pauseMs.ms);
        onPhase('capture', captureMs.ms);
        state = captured;
      } else {
        await source.vm.RunVm({ name });
      }
    }
    const taken = state;
    const sent = createHash('sha256');
    const movedBytes = await timed('move', () =>
      copyMemory(source, destination, name, vm.memoryRegions, sent),
    );
    await timed('set', () => destination.vm.SetVmState({ name, state: taken }));
    const unlike = await timed('check', () => check(destination, name, vm.memoryRegions, taken, sent));
    if (unlike.length > 0) throw new Error(`the destination holds another ${unlike.join(', ')}`);
    if (wasRunning) await timed('resume', () => destination.vm.RunVm({ name }));
    created = false; // from here on the guest is the destination's
    await timed('delete', () => source.vm.DeleteVm({ name }));
    return { state: taken, movedBytes };
  } catch (error) {
    // One guest, never two: the destination's copy goes before the source's runs again.
    if (created) {
      await destination.vm.DeleteVm({ name });
      if (wasRunning) await source.vm.RunVm({ name });
    }
    throw new MigrationFailed(phase, error);
  }
}

function present<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Error(`the answer has no ${what}`);
  return value;
}

async function createAlike(destination: VcpudClient, vmId: string, vm: Vm__Output): Promise<void> {
  await destination.vm.CreateVm({ vmId, vm: vmShape(vm) });
}

/** Takes a chunk into a digest, so that zeroes count the same however they were sent. */
function digest(hash: Hash, chunk: ReadMemoryResponse__Output): void {
  if (chunk.content === 'data' && chunk.data !== undefined) {
    hash.update(`data ${chunk.gpa} ${chunk.data.length}\n`).update(chunk.data);
  }
}

async function copyMemory(
  source: VcpudClient,
  destination: VcpudClient,
  name: string,
  regions: readonly MemoryRegion__Output[],
  sent: Hash,
): Promise<number> {
  let moved = 0;
  async function* chunks(): AsyncGenerator<WriteMemoryRequest> {
    for (const { gpa, sizeBytes } of regions) {
      for await (const chunk of source.readMemory({ name, gpa, sizeBytes })) {
        digest(sent, chunk);
        // A new VM's memory is zero: holes need not travel.
        if (chunk.content !== 'data' || chunk.data === undefined) continue;
        moved += chunk.data.length;
        yield { name, gpa: chunk.gpa, data: chunk.data };
      }
    }
  }
  const coming = chunks();
  const first = await coming.next();
  // A guest whose memory is all zeroes: WriteMemory wants one message at least.
  if (first.done === true) return 0;
  const { value } = first;
  async function* all(): AsyncGenerator<WriteMemoryRequest> {
    yield value;
    yield* coming;
  }
  await destination.writeMemory(all());
  return moved;
}

/** Reads everything back at the destination; gives the names of what is unlike what left the source. */
async function check(
  destination: VcpudClient,
  name: string,
  regions: readonly MemoryRegion__Output[],
  sentState: VmState__Output,
  sent: Hash,
): Promise<string[]> {
  const held = present((await destination.vm.GetVmState({ name })).state, 'state');
  const unlike = sentState.vcpus.flatMap((vcpu, i) => {
    const other = held.vcpus[i];
    if (other === undefined) return [`vcpus[${i}]`];
    return differences(vcpuSnapshot(vcpu), vcpuSnapshot(other)).map((part) => `vcpus[${i}].${part}`);
  });
  const hash = createHash('sha256');
  for (const { gpa, sizeBytes } of regions) {
    for await (const chunk of destination.readMemory({ name, gpa, sizeBytes })) digest(hash, chunk);
  }
  if (hash.digest('hex') !== sent.digest('hex')) unlike.push('memory');
  return unlike;
}
