// Saves a VM, as a client of the API: everything from one stop, memory sparse. A running VM is paused for that long, and
// goes on whatever comes of it.

import type { Vm__Output } from '../../protos/gen/vcpud/v1/Vm.js';
import type { VcpudClient } from '../api/client.js';
import { api } from '../api/definitions.js';
import { PAGE_BYTES, stretch } from '../api/zero-pages.js';
import type { Sink } from './file.js';
import { MEMORY_SECTION_BYTES } from './layout.js';
import { decoded, fieldNumber, split } from './message-fields.js';
import { streamUntilAborted } from './until-aborted.js';
import { ArchiveWriter, type Written } from './write.js';

/** What a save does, in order. */
export const SAVE_STEPS = [
  ['describe', 'the host and the VM'],
  ['pause', 'the guest stops, if it runs'],
  ['capture', 'what the VM asks of a host; every vCPU from one stop, and the devices'],
  ['memory', 'the pages that are not zero'],
  ['unchanged', 'nobody else has run the VM or set a state meanwhile'],
  ['resume', 'the guest goes on, if it ran and is not to stay paused'],
  ['end', 'the index and the trailer'],
] as const;

export type SaveStep = (typeof SAVE_STEPS)[number][0];

export interface SaveOptions {
  readonly client: VcpudClient;
  /** vms/{vm}. */
  readonly name: string;
  readonly sink: Sink;
  /** Of a VM that runs. After a save that failed it runs on in any case. */
  readonly afterwards: 'run on' | 'stay paused';
  /** Ends the save: its reason is thrown. */
  readonly signal: AbortSignal;
  readonly onStep: (step: SaveStep) => void;
  /** Told of guest memory as it comes, zeroes included, and of how much there is. */
  readonly onMemory: (bytes: bigint, of: bigint) => void;
}

export interface Saved extends Written {
  /** As it was when the save began. */
  readonly vm: Vm__Output;
  /** For how long the guest was kept from running, ms; 0 where it did not run, and where it stays paused. */
  readonly stoppedMs: number;
}

/** The VM was run, or given a state, by somebody else while it was saved. */
export class VmChanged extends Error {}

/**
 * Writes a VM to the sink. Rejects with gRPC's errors, with the sink's, with the signal's reason, and with VmChanged;
 * what was written is worth nothing then.
 */
export async function saveVm(options: SaveOptions): Promise<Saved> {
  const { client, name, signal, onStep } = options;
  onStep('describe');
  const host = await client.answerBytes(api.HostService.service.GetHost, {});
  const described = await client.answerBytes(api.VmService.service.GetVm, { name });
  const vmBytes = only(described, 'vcpud.v1.GetVmResponse', 'vm');
  const vm = decoded<Vm__Output>('vcpud.v1.Vm', vmBytes);
  const writer = await ArchiveWriter.begin(options.sink);
  await writer.section('host', 0, only(host, 'vcpud.v1.GetHostResponse', 'host'));
  await writer.section('vm', 0, vmBytes);
  const ran = vm.runState === 'VM_RUN_STATE_RUNNING';
  let resume = ran;
  const since = performance.now();
  try {
    signal.throwIfAborted();
    onStep('pause');
    const { vm: paused } = await client.vm.PauseVm({ name });
    onStep('capture');
    const asked = await client.answerBytes(api.VmService.service.GetVmRequirements, { name });
    await writer.section(
      'requirements',
      0,
      only(asked, 'vcpud.v1.GetVmRequirementsResponse', 'requirements'),
    );
    await capture(writer, client, name);
    signal.throwIfAborted();
    onStep('memory');
    await memory(writer, vm, options);
    onStep('unchanged');
    await requireUnchanged(client, name, paused);
    if (options.afterwards === 'stay paused') resume = false;
  } finally {
    if (resume) {
      onStep('resume');
      await client.vm.RunVm({ name });
    }
  }
  const stoppedMs = resume ? performance.now() - since : 0;
  onStep('end');
  return { ...(await writer.end()), vm, stoppedMs };
}

/** The one message that a field of another holds. */
function only(answer: Buffer, type: string, field: string): Buffer {
  const [message] = split(answer, fieldNumber(type, field)).parts;
  if (message === undefined) throw new Error(`the answer has no ${field}`);
  return message;
}

/** Everything beside memory, as it came on the wire, cut into sections. */
async function capture(writer: ArchiveWriter, client: VcpudClient, name: string): Promise<void> {
  const answer = await client.answerBytes(api.VmService.service.GetVmState, { name });
  const type = 'vcpud.v1.GetVmStateResponse';
  const state = only(answer, type, 'state');
  const vcpus = split(state, fieldNumber('vcpud.v1.VmState', 'vcpus'));
  await writer.section('capture', 0, split(answer, fieldNumber(type, 'state')).rest);
  await writer.section('devices', 0, vcpus.rest);
  for (const [index, vcpu] of vcpus.parts.entries()) await writer.section('vcpus', index, vcpu);
}

async function memory(writer: ArchiveWriter, vm: Vm__Output, options: SaveOptions): Promise<void> {
  const { client, name, signal, onMemory } = options;
  const total = vm.memoryRegions.reduce((sum, { sizeBytes }) => sum + BigInt(sizeBytes), 0n);
  for (const { gpa, sizeBytes } of vm.memoryRegions) {
    const stream = client.readMemory({ name, gpa, sizeBytes, chunkBytes: MEMORY_SECTION_BYTES });
    let at = BigInt(gpa);
    for await (const { data, zeroBytes } of streamUntilAborted(signal, stream)) {
      if (data !== undefined) await pages(writer, at, data);
      const bytes = BigInt(data?.length ?? zeroBytes ?? 0);
      at += bytes;
      onMemory(bytes, total);
    }
    if (at !== BigInt(gpa) + BigInt(sizeBytes)) throw new Error('ReadMemory ended before its range did');
  }
}

/** Those of a chunk's pages that are not zero. */
async function pages(writer: ArchiveWriter, gpa: bigint, data: Buffer): Promise<void> {
  if (data.length % PAGE_BYTES !== 0) throw new Error('ReadMemory gave a part of a page');
  for (let start = 0; start < data.length; ) {
    const { end, zero } = stretch(data, start);
    if (!zero) await writer.memory(gpa + BigInt(start), data.subarray(start, end));
    start = end;
  }
}

async function requireUnchanged(client: VcpudClient, name: string, paused: Vm__Output | null): Promise<void> {
  const { vm } = await client.vm.GetVm({ name });
  const same =
    vm?.runState === paused?.runState &&
    vm?.updateTime?.seconds === paused?.updateTime?.seconds &&
    vm?.updateTime?.nanos === paused?.updateTime?.nanos;
  if (!same) throw new VmChanged(`${name} was run, or given a state, while it was saved: try again`);
}
