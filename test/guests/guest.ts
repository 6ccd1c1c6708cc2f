// The host's side of the guests that run an L2, by the API: places the ROM that fits the host's CPU, writes the
// parameters, reads the counters. The demo, the tests and the bench move these guests.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { VcpudClient } from '../../lib/api/client.js';
import {
  areaGpa,
  COUNTER,
  PAGING,
  PARAMETER,
  PARAMETERS_BYTES,
  PARAMETERS_GPA,
  ROM_BYTES,
  ROM_GPA,
  ramBytes,
} from './layout.js';
import { type GuestKind, SCENES, type SceneName } from './scenes.js';

export interface GuestParameters {
  readonly paging: keyof typeof PAGING;
  /** One that the guest's kind has. */
  readonly scene: SceneName;
  /** L2 increments between two hypercalls; 0 for the guest's default. */
  readonly increments: number;
  /** Hypercalls between two console lines; 0 for the guest's default. */
  readonly report: number;
  /** Whether the guest is to wait at its scene's gate. */
  readonly gate: boolean;
}

/** L2 counts and reports about twice a second on an emulated host. */
export const NORMAL: GuestParameters = {
  paging: 'nested',
  scene: 'normal',
  increments: 0,
  report: 64,
  gate: false,
};

export type Counters = Readonly<Record<keyof typeof COUNTER, bigint>>;

/** Vendors by the names of lib/vm/host.ts and of the API. Only SVM's guest is also for a CPU of neither vendor. */
export function guestKind(vendor: string): GuestKind {
  return vendor === 'INTEL' || vendor === 'CPU_VENDOR_INTEL' ? 'vmx' : 'svm';
}

/** The guest for the host that a client reaches. */
export async function guestKindOf(client: VcpudClient): Promise<GuestKind> {
  const { host } = await client.host.GetHost({});
  return guestKind(host?.cpuVendor ?? '');
}

/** A guest's l1.bin, from the sources' folder: it is not compiled into dist. */
export function romPath(kind: GuestKind): string {
  const file = `test/guests/${kind}-l1/l1.bin`;
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const path = join(folder, file);
    if (existsSync(path)) return path;
    if (folder === dirname(folder)) throw new Error(`${file} is missing`);
  }
}

/** With more vCPUs than this, KVM needs more RAM for its shadow pages than the guest itself does (see ramBytes). */
const MANY_VCPUS = 16;
const RAM_FOR_MANY = 128 * 1024 * 1024;

/** A VM's shape for either guest. */
export function guestShape(vcpuCount: number) {
  const ram = Number(ramBytes(vcpuCount));
  return {
    vcpuCount,
    memoryRegions: [
      { gpa: 0, sizeBytes: vcpuCount > MANY_VCPUS ? Math.max(ram, RAM_FOR_MANY) : ram },
      { gpa: Number(ROM_GPA), sizeBytes: ROM_BYTES },
    ],
  };
}

/** What must be in a VM's memory before it starts: the ROM and the parameter block. */
export function guestImage(
  kind: GuestKind,
  parameters: GuestParameters,
): ReadonlyArray<{ gpa: number; data: Buffer }> {
  const scene = SCENES[parameters.scene];
  if (scene[kind] === undefined) throw new Error(`${kind}-l1 has no scene ${parameters.scene}`);
  const block = Buffer.alloc(PARAMETERS_BYTES);
  block.writeUInt32LE(PAGING[parameters.paging], PARAMETER.paging);
  block.writeUInt32LE(scene.number, PARAMETER.scene);
  block.writeBigUInt64LE(BigInt(parameters.increments), PARAMETER.increments);
  block.writeBigUInt64LE(BigInt(parameters.report), PARAMETER.report);
  block.writeBigUInt64LE(parameters.gate ? 1n : 0n, PARAMETER.gate);
  return [
    { gpa: Number(ROM_GPA), data: readFileSync(romPath(kind)) },
    { gpa: Number(PARAMETERS_GPA), data: block },
  ];
}

/** Creates a VM with the host's guest in it, paused at its reset vector. */
export async function createGuest(
  client: VcpudClient,
  vmId: string,
  parameters: GuestParameters,
  vcpuCount: number,
): Promise<void> {
  const name = `vms/${vmId}`;
  const image = guestImage(await guestKindOf(client), parameters);
  await client.vm.CreateVm({ vmId, vm: guestShape(vcpuCount) });
  await client.writeMemory(image.map((chunk) => ({ name, ...chunk })));
}

/** Opens the gate at which the guest waits; the VM may be running. */
export async function openGate(client: VcpudClient, vmId: string): Promise<void> {
  const gpa = Number(PARAMETERS_GPA) + PARAMETER.gate;
  await client.writeMemory([{ name: `vms/${vmId}`, gpa, data: Buffer.alloc(8) }]);
}

/** Reads a vCPU's counters. */
export async function readCounters(client: VcpudClient, vmId: string, vcpu: number): Promise<Counters> {
  const sizeBytes = 8 * Object.keys(COUNTER).length;
  const bytes = Buffer.alloc(sizeBytes);
  const gpa = areaGpa(vcpu);
  for await (const chunk of client.readMemory({ name: `vms/${vmId}`, gpa: gpa.toString(), sizeBytes })) {
    chunk.data?.copy(bytes, Number(BigInt(chunk.gpa) - gpa));
  }
  const entries = Object.entries(COUNTER).map(([name, offset]) => [name, bytes.readBigUInt64LE(offset)]);
  return Object.fromEntries(entries) as Counters;
}
