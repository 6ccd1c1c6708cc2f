// A model VM: memory regions, capabilities, devices and the clock (arch/x86/kvm/x86.c, virt/kvm/kvm_main.c). Made by
// system.ts. Guest memory is what it is with a real KVM too: the caller's mapping, read here for page-directory
// pointers and the like.

import { viewOf } from '../../os/libc.js';
import {
  CLEAR_DIRTY_LOG_LAYOUT,
  DIRTY_LOG_LAYOUT,
  KVM,
  MEMORY_REGION_FLAGS,
  MEMORY_REGION_LAYOUT,
  SIZE,
} from '../abi.js';
import { type Ioctl, oneByOne, type SeriesResult, type VcpuPort, type VmPort } from '../port.js';
import type { CpuidTables } from './cpuid.js';
import { EEXIST, EINVAL, ENOENT, ENOTTY, ENXIO } from './errno.js';
import type { ModelHost } from './model-host.js';
import { ModelClock } from './time.js';
import { answer, ModelVcpu } from './vcpu.js';

/** KVM_CAP_* of KVM_ENABLE_CAP. */
const CAP = {
  EXCEPTION_PAYLOAD: 164,
  MANUAL_DIRTY_LOG_PROTECT2: 168,
  MAX_VCPU_ID: 128,
  TRIPLE_FAULT_EVENT: 218,
} as const;
const PAGE = 4096n;

const REGION = MEMORY_REGION_LAYOUT;
const { LOG_DIRTY_PAGES, READONLY } = MEMORY_REGION_FLAGS;
const USER_SLOTS = 32764;

interface Region {
  readonly gpa: bigint;
  readonly bytes: bigint;
  readonly address: bigint;
  readonly flags: number;
}

type Handler = (vm: ModelVm, buffer: Buffer, number: number) => number;

/** Every ioctl that a VM takes, but KVM_CREATE_VCPU, which is createVcpu. */
const HANDLERS: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [KVM.CHECK_EXTENSION, ({ host }, _buffer, capability) => host.capabilities.get(capability) ?? 0],
  [KVM.SET_USER_MEMORY_REGION, setMemoryRegion],
  [KVM.GET_DIRTY_LOG, getDirtyLog],
  [KVM.CLEAR_DIRTY_LOG, clearDirtyLog],
  // Both matter to Intel's real mode alone, which needs a guest that runs.
  [KVM.SET_TSS_ADDR, (_vm, _buffer, gpa) => (gpa > 0xffff_d000 ? EINVAL : 0)],
  [KVM.SET_IDENTITY_MAP_ADDR, ({ vcpus }) => (vcpus.size > 0 ? EINVAL : 0)],
  [KVM.CREATE_IRQCHIP, createIrqchip],
  [KVM.GET_IRQCHIP, getIrqchip],
  [KVM.SET_IRQCHIP, setIrqchip],
  [KVM.IRQ_LINE, setIrqLine],
  [KVM.CREATE_PIT2, createPit],
  [KVM.GET_PIT2, getPit],
  [KVM.SET_PIT2, setPit],
  [KVM.GET_CLOCK, getClock],
  [KVM.SET_CLOCK, setClock],
  [KVM.ENABLE_CAP, enableCap],
]);

export class ModelVm implements VmPort {
  readonly host: ModelHost;
  readonly clock: ModelClock;
  readonly vcpus = new Set<number>();
  readonly regions = new Map<number, Region>();
  /** struct kvm_irqchip of PIC master, PIC slave and IOAPIC. */
  chips: Buffer[] = [];
  pit: Buffer | undefined;
  exceptionPayload = false;
  tripleFaultEvent = false;
  wallClock = 0n;
  private readonly tables: CpuidTables;

  constructor(host: ModelHost, tables: CpuidTables) {
    this.host = host;
    this.tables = tables;
    this.clock = new ModelClock(host.tscKhz);
  }

  get irqchip(): boolean {
    return this.chips.length > 0;
  }

  ioctl(request: number, argument: Uint8Array | number): number {
    return answer(request, argument, (buffer, number) => {
      const handler = HANDLERS.get(request);
      return handler === undefined ? ENOTTY : handler(this, buffer, number);
    });
  }

  ioctls(calls: readonly Ioctl[]): SeriesResult {
    return oneByOne(this, calls);
  }

  createVcpu(index: number): VcpuPort {
    const { host, tables, clock } = this;
    answer(KVM.CREATE_VCPU, index, () => {
      if (index >= (host.capabilities.get(CAP.MAX_VCPU_ID) ?? 1)) return EINVAL;
      return this.vcpus.has(index) ? EEXIST : 0;
    });
    const order = this.vcpus.size;
    this.vcpus.add(index);
    return new ModelVcpu(index, order, { host, tables, vm: this, clock });
  }

  readGuest(gpa: bigint, bytes: number): Buffer | undefined {
    const view = this.guestView(gpa, bytes);
    return view === undefined ? undefined : Buffer.from(view);
  }

  writeGuest(gpa: bigint, data: Uint8Array): void {
    this.guestView(gpa, data.length)?.set(data);
  }

  readTsc(vcpu: number): bigint {
    return this.clock.readTsc(vcpu);
  }

  /** The caller's own mapping of guest memory. */
  private guestView(gpa: bigint, bytes: number): Uint8Array | undefined {
    for (const region of this.regions.values()) {
      if (gpa < region.gpa || gpa + BigInt(bytes) > region.gpa + region.bytes) continue;
      return viewOf(Number(region.address + (gpa - region.gpa)), bytes);
    }
    return undefined;
  }

  close(): void {
    this.regions.clear();
  }
}

/** __kvm_set_memory_region. */
function setMemoryRegion({ regions }: ModelVm, buffer: Buffer): number {
  const slot = buffer.readUInt32LE(REGION.slot);
  const gpa = buffer.readBigUInt64LE(REGION.gpa);
  const bytes = buffer.readBigUInt64LE(REGION.bytes);
  const address = buffer.readBigUInt64LE(REGION.address);
  const flags = buffer.readUInt32LE(REGION.flags);
  const former = regions.get(slot);
  if ((flags & ~(LOG_DIRTY_PAGES | READONLY)) !== 0) return EINVAL;
  if ([gpa, bytes, address].some((value) => value % PAGE !== 0n) || slot >= USER_SLOTS) return EINVAL;
  if (gpa + bytes > 0xffff_ffff_ffff_ffffn) return EINVAL;
  if (bytes === 0n) return regions.delete(slot) ? 0 : EINVAL;
  if (former !== undefined && (former.address !== address || former.bytes !== bytes)) return EINVAL;
  if (former !== undefined && ((former.flags ^ flags) & READONLY) !== 0) return EINVAL;
  for (const [other, region] of regions) {
    if (other !== slot && gpa < region.gpa + region.bytes && region.gpa < gpa + bytes) return EEXIST;
  }
  regions.set(slot, { gpa, bytes, address, flags });
  return 0;
}

/** KVM's bitmaps are in words of 64 pages. */
const PAGES_A_WORD = 64n;

/** The region of that slot, if its log is kept. */
function loggedRegion({ regions }: ModelVm, slot: number): Region | undefined {
  const region = regions.get(slot);
  return region === undefined || (region.flags & LOG_DIRTY_PAGES) === 0 ? undefined : region;
}

/** kvm_get_dirty_log: no page is dirty, as no guest runs. */
function getDirtyLog(vm: ModelVm, buffer: Buffer): number {
  const slot = buffer.readUInt32LE(DIRTY_LOG_LAYOUT.slot);
  if (slot >= USER_SLOTS) return EINVAL;
  const region = loggedRegion(vm, slot);
  if (region === undefined) return ENOENT;
  const words = (region.bytes / PAGE + PAGES_A_WORD - 1n) / PAGES_A_WORD;
  viewOf(Number(buffer.readBigUInt64LE(DIRTY_LOG_LAYOUT.bitmap)), 8 * Number(words)).fill(0);
  return 0;
}

/** kvm_clear_dirty_log_protect. */
function clearDirtyLog(vm: ModelVm, buffer: Buffer): number {
  const slot = buffer.readUInt32LE(CLEAR_DIRTY_LOG_LAYOUT.slot);
  const first = buffer.readBigUInt64LE(CLEAR_DIRTY_LOG_LAYOUT.firstPage);
  const count = BigInt(buffer.readUInt32LE(CLEAR_DIRTY_LOG_LAYOUT.pages));
  if (slot >= USER_SLOTS || first % PAGES_A_WORD !== 0n) return EINVAL;
  const region = loggedRegion(vm, slot);
  if (region === undefined) return ENOENT;
  const rest = region.bytes / PAGE - first;
  return rest < 0n || count > rest || (count < rest && count % PAGES_A_WORD !== 0n) ? EINVAL : 0;
}

// ---------------------------------------------------------------------------------------------------------
// Devices

const CHIP = { id: 0, state: 8 } as const;
const IOAPIC = 2;
/** At power-on: the PICs' ELCR masks; the IOAPIC's base address and its 24 masked redirections. */
const ELCR_MASK = { offset: CHIP.state + 15, values: [0xf8, 0xde] } as const;
const IOAPIC_STATE = { base: CHIP.state, redirections: CHIP.state + 24, entries: 24 } as const;
const IOAPIC_BASE = 0xfec0_0000n;
const MASKED = 1n << 16n;

function createIrqchip(vm: ModelVm): number {
  if (vm.irqchip) return EEXIST;
  if (vm.vcpus.size > 0) return EINVAL;
  vm.chips = [0, 1, IOAPIC].map((id) => {
    const chip = Buffer.alloc(SIZE.irqchip);
    chip.writeUInt32LE(id, CHIP.id);
    const mask = ELCR_MASK.values[id];
    if (mask !== undefined) {
      chip.writeUInt8(mask, ELCR_MASK.offset);
      return chip;
    }
    chip.writeBigUInt64LE(IOAPIC_BASE, IOAPIC_STATE.base);
    for (let i = 0; i < IOAPIC_STATE.entries; i += 1) {
      chip.writeBigUInt64LE(MASKED, IOAPIC_STATE.redirections + 8 * i);
    }
    return chip;
  });
  return 0;
}

function getIrqchip(vm: ModelVm, buffer: Buffer): number {
  if (!vm.irqchip) return ENXIO;
  return vm.chips[buffer.readUInt32LE(CHIP.id)]?.copy(buffer, CHIP.state, CHIP.state) === undefined
    ? EINVAL
    : 0;
}

function setIrqchip(vm: ModelVm, buffer: Buffer): number {
  if (!vm.irqchip) return ENXIO;
  const chip = vm.chips[buffer.readUInt32LE(CHIP.id)];
  if (chip === undefined) return EINVAL;
  buffer.copy(chip, CHIP.state, CHIP.state, SIZE.irqchip);
  return 0;
}

/** KVM_IRQ_LINE. There is no guest that could notice. */
function setIrqLine(vm: ModelVm): number {
  return vm.irqchip ? 0 : ENXIO;
}

/** struct kvm_pit_state2: three channels of 24 bytes. */
const PIT = { channelBytes: 24, channels: 3, mode: 13, gate: 15, loadTime: 16 } as const;
const LARGEST_COUNT = 0x1_0000;
/** Channel 2's gate is the speaker's, closed at first. */
const SPEAKER = 2;

function createPit(vm: ModelVm): number {
  if (vm.pit !== undefined) return EEXIST;
  const pit = Buffer.alloc(SIZE.pit2);
  for (let channel = 0; channel < PIT.channels; channel += 1) {
    const at = PIT.channelBytes * channel;
    pit.writeUInt8(0xff, at + PIT.mode);
    pit.writeUInt8(channel === SPEAKER ? 0 : 1, at + PIT.gate);
  }
  vm.pit = pit;
  loadCounts(pit);
  return 0;
}

/** kvm_pit_load_count on each channel: 0 counts as 65536, and from now on. */
function loadCounts(pit: Buffer): void {
  for (let channel = 0; channel < PIT.channels; channel += 1) {
    const at = PIT.channelBytes * channel;
    if (pit.readUInt32LE(at) === 0) pit.writeUInt32LE(LARGEST_COUNT, at);
    pit.writeBigInt64LE(process.hrtime.bigint(), at + PIT.loadTime);
  }
}

function getPit({ pit }: ModelVm, buffer: Buffer): number {
  if (pit === undefined) return ENXIO;
  pit.copy(buffer);
  return 0;
}

function setPit({ pit }: ModelVm, buffer: Buffer): number {
  if (pit === undefined) return ENXIO;
  buffer.copy(pit, 0, 0, PIT.channelBytes * PIT.channels + 4); // channels and flags
  loadCounts(pit);
  return 0;
}

// ---------------------------------------------------------------------------------------------------------
// Clock and capabilities

/** struct kvm_clock_data. */
const CLOCK = { clock: 0, flags: 8, realtime: 16 } as const;
const CLOCK_FLAGS = { REALTIME: 4, VALID: 0xe } as const;

function getClock({ clock }: ModelVm, buffer: Buffer): number {
  buffer.fill(0, 0, SIZE.clock);
  buffer.writeBigUInt64LE(clock.nanoseconds(), CLOCK.clock);
  return 0;
}

function setClock({ clock }: ModelVm, buffer: Buffer): number {
  const flags = buffer.readUInt32LE(CLOCK.flags);
  if ((flags & ~CLOCK_FLAGS.VALID) !== 0) return EINVAL;
  let wanted = buffer.readBigUInt64LE(CLOCK.clock);
  if ((flags & CLOCK_FLAGS.REALTIME) !== 0) {
    const passed = BigInt(Date.now()) * 1_000_000n - buffer.readBigUInt64LE(CLOCK.realtime);
    if (passed > 0n) wanted += passed;
  }
  clock.setNanoseconds(wanted);
  return 0;
}

/** struct kvm_enable_cap. */
const ENABLE_CAP = { capability: 0, flags: 4, argument: 8 } as const;

function enableCap(vm: ModelVm, buffer: Buffer): number {
  const on = buffer.readBigUInt64LE(ENABLE_CAP.argument) !== 0n;
  if (buffer.readUInt32LE(ENABLE_CAP.flags) !== 0) return EINVAL;
  switch (buffer.readUInt32LE(ENABLE_CAP.capability)) {
    case CAP.EXCEPTION_PAYLOAD:
      vm.exceptionPayload = on;
      return 0;
    case CAP.TRIPLE_FAULT_EVENT:
      vm.tripleFaultEvent = on;
      return 0;
    case CAP.MANUAL_DIRTY_LOG_PROTECT2:
      return manualProtectOptions(buffer.readBigUInt64LE(ENABLE_CAP.argument)) ? 0 : EINVAL;
    default:
      return EINVAL;
  }
}

/** KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE, and KVM_DIRTY_LOG_INITIALLY_SET, which goes with it alone. */
const manualProtectOptions = (options: bigint): boolean => options < 4n && options !== 2n;
