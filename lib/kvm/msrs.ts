// Model-specific registers through KVM_GET_MSRS and KVM_SET_MSRS, which stop at the first that they don't like
// and say how many went before it.

import { KernelError } from '../os/kernel-error.js';
import { KVM, MSR, SIZE } from './abi.js';
import { type IoctlPort, UnexpectedReturn } from './port.js';
import type { SeriesStep } from './steps.js';

/** An MSR's value as KVM has it: a row of struct kvm_msr_entry. */
export interface MsrRow {
  readonly index: number;
  readonly value: bigint;
}

/** IA32_VMX_*: what VMX can do. */
export const isVmxCapability = (index: number): boolean => index >= MSR.VMX_FIRST && index <= MSR.VMX_LAST;

/** MSRs that no vCPU without an in-kernel LAPIC can be given, whatever the value (kvm_pv_enable_async_pf_int): it holds 0. */
const NEED_LAPIC: ReadonlySet<number> = new Set([MSR.KVM_ASYNC_PF_INT]);

/** Those of a host's MSRs that are worth moving of such a vCPU: one that is always refused costs a call of its own at each set. */
export const msrsOfVcpu = (indices: readonly number[], lapic: boolean): readonly number[] =>
  lapic ? indices : indices.filter((index) => !NEED_LAPIC.has(index));

/** KVM_GET_MSR_INDEX_LIST or KVM_GET_MSR_FEATURE_INDEX_LIST on /dev/kvm. */
export function getMsrIndices(kvm: IoctlPort, request: number): number[] {
  const probe = Buffer.alloc(4);
  try {
    kvm.ioctl(request, probe);
    return [];
  } catch (error) {
    // E2BIG, with the number that there are.
    if (!(error instanceof KernelError && error.code === 'E2BIG')) throw error;
  }
  const count = probe.readUInt32LE(0);
  const list = Buffer.alloc(4 + 4 * count);
  list.writeUInt32LE(count, 0);
  kvm.ioctl(request, list);
  return Array.from({ length: list.readUInt32LE(0) }, (_, i) => list.readUInt32LE(4 + 4 * i));
}

/** A vCPU asks for the same ones each time. */
const tables = new WeakMap<readonly number[], Buffer>();

function tableOf(indices: readonly number[]): Buffer {
  let table = tables.get(indices);
  if (table === undefined) {
    table = emptyTable(indices);
    tables.set(indices, table);
  }
  return Buffer.from(table);
}

function emptyTable(indices: readonly number[]): Buffer {
  const table = Buffer.alloc(SIZE.msrsHeader + SIZE.msrEntry * indices.length);
  table.writeUInt32LE(indices.length, 0);
  indices.forEach((index, i) => {
    table.writeUInt32LE(index, SIZE.msrsHeader + SIZE.msrEntry * i);
  });
  return table;
}

/**
 * Reads those of the MSRs that are there: struct kvm_msr_entry, 16 bytes each, in the order asked for. The second
 * value lists those that could not be read, so that the caller need not ask for them again.
 */
export function readMsrs(
  port: IoctlPort,
  indices: readonly number[],
): { entries: Buffer; unreadable: number[] } {
  const unreadable: number[] = [];
  let asked = indices;
  for (;;) {
    const table = tableOf(asked);
    const read = asked.length === 0 ? 0 : port.ioctl(KVM.GET_MSRS, table);
    if (read === asked.length) return { entries: table.subarray(SIZE.msrsHeader), unreadable };
    const refused = asked[read] as number;
    unreadable.push(refused);
    asked = asked.filter((index) => index !== refused);
  }
}

/** The same as a step: in one ioctl, where all of them are there. */
export function readMsrsStep(port: IoctlPort, indices: readonly number[]): SeriesStep<Buffer> {
  const table = tableOf(indices);
  return {
    calls: indices.length === 0 ? [] : [{ request: KVM.GET_MSRS, argument: table, answer: indices.length }],
    done: () => table.subarray(SIZE.msrsHeader),
    otherwise: () => readMsrs(port, indices).entries,
  };
}

/** One MSR, or undefined where it can't be read. */
export function readMsr(port: IoctlPort, index: number): bigint | undefined {
  const { entries } = readMsrs(port, [index]);
  return entries.length === 0 ? undefined : entries.readBigUInt64LE(8);
}

/** The rows of a table of struct kvm_msr_entry, or those of them that are wanted. */
export function msrRows(entries: Buffer, wanted: (index: number) => boolean = () => true): MsrRow[] {
  const rows: MsrRow[] = [];
  const view = new DataView(entries.buffer, entries.byteOffset, entries.length);
  for (let at = 0; at + SIZE.msrEntry <= entries.length; at += SIZE.msrEntry) {
    const index = view.getUint32(at, true);
    if (wanted(index)) rows.push({ index, value: view.getBigUint64(at + 8, true) });
  }
  return rows;
}

/**
 * A table of struct kvm_msr_entry taken apart: the rows of each group, in order. In one go, and by whole stretches, as
 * a guest stands still for it.
 */
export function msrGroups<Group extends string>(
  entries: Buffer,
  groupOf: (index: number) => Group,
): (group: Group) => Buffer {
  const stretches = new Map<Group, Buffer[]>();
  const view = new DataView(entries.buffer, entries.byteOffset, entries.length);
  const end = entries.length - (entries.length % SIZE.msrEntry);
  for (let at = 0; at < end; ) {
    const from = at;
    const group = groupOf(view.getUint32(at, true));
    do at += SIZE.msrEntry;
    while (at < end && groupOf(view.getUint32(at, true)) === group);
    const before = stretches.get(group);
    const stretch = entries.subarray(from, at);
    if (before === undefined) stretches.set(group, [stretch]);
    else before.push(stretch);
  }
  return (group) => Buffer.concat(stretches.get(group) ?? []);
}

/** A table of struct kvm_msr_entry of the rows. */
export function msrEntries(rows: readonly MsrRow[]): Buffer {
  const entries = Buffer.alloc(SIZE.msrEntry * rows.length);
  rows.forEach(({ index, value }, i) => {
    entries.writeUInt32LE(index, SIZE.msrEntry * i);
    entries.writeBigUInt64LE(value, SIZE.msrEntry * i + 8);
  });
  return entries;
}

/** The kernel refused to set an MSR whose value is another. */
export class MsrRefused extends Error {
  readonly index: number;
  readonly wanted: bigint;
  readonly held: bigint | undefined;
  constructor(index: number, wanted: bigint, held: bigint | undefined) {
    const is = held === undefined ? 'unreadable' : `0x${held.toString(16)}`;
    super(`the kernel refused MSR 0x${index.toString(16)} = 0x${wanted.toString(16)}; it is ${is}`);
    this.name = 'MsrRefused';
    this.index = index;
    this.wanted = wanted;
    this.held = held;
  }
}

/** What an MSR is taken to hold that a kernel doesn't know: what it has on kernels that do, before anybody wrote it. */
export const MSR_NOT_THERE = 0n;

/**
 * Sets MSRs in order. One that the kernel refuses but that holds the wanted value already is as good as set
 * (read-only MSRs, and VMX capability MSRs on a vCPU that has run); so is one of value 0 that it doesn't know: kernels
 * differ in which they have, and nothing is lost with it. Throws MsrRefused for any other.
 */
export function writeMsrs(port: IoctlPort, entries: Buffer): void {
  if (entries.length > 0) goOnAfter(port, entries, port.ioctl(KVM.SET_MSRS, msrTable(entries)));
}

/** The same as a step: in one ioctl, where the kernel takes all of them. */
export function writeMsrsStep(port: IoctlPort, entries: Buffer): SeriesStep<void> {
  const count = entries.length / SIZE.msrEntry;
  return {
    calls: count === 0 ? [] : [{ request: KVM.SET_MSRS, argument: msrTable(entries), answer: count }],
    done: () => undefined,
    otherwise: (failure) => {
      if (!(failure instanceof UnexpectedReturn)) throw failure;
      goOnAfter(port, entries, failure.value);
    },
  };
}

/** struct kvm_msrs with these entries. */
function msrTable(entries: Buffer): Buffer {
  const table = Buffer.allocUnsafe(SIZE.msrsHeader + entries.length).fill(0, 0, SIZE.msrsHeader);
  table.writeUInt32LE(entries.length / SIZE.msrEntry, 0);
  entries.copy(table, SIZE.msrsHeader);
  return table;
}

/** Looks at the entry before which the kernel ended, and goes on after it. */
function goOnAfter(port: IoctlPort, entries: Buffer, taken: number): void {
  const total = entries.length / SIZE.msrEntry;
  for (let done = taken; done < total; ) {
    const index = entries.readUInt32LE(done * SIZE.msrEntry);
    const wanted = entries.readBigUInt64LE(done * SIZE.msrEntry + 8);
    const held = readMsr(port, index);
    if ((held ?? MSR_NOT_THERE) !== wanted) throw new MsrRefused(index, wanted, held);
    done += 1;
    if (done < total) done += port.ioctl(KVM.SET_MSRS, msrTable(entries.subarray(done * SIZE.msrEntry)));
  }
}
