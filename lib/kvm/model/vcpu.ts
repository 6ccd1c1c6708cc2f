// A model vCPU: the port that takes its ioctls, and which function answers which. Made by vm.ts.

import { REFUSED_EVERYWHERE } from '../../nested/rule.js';
import { KernelError } from '../../os/kernel-error.js';
import { KVM, MOST_CPUID_ENTRIES, requestName, requestSize, SIZE } from '../abi.js';
import { type Ioctl, oneByOne, type SeriesResult, type VcpuPort } from '../port.js';
import { type CpuidTables, isValidCpuid, updateRuntimeBits } from './cpuid.js';
import { E2BIG, EINVAL } from './errno.js';
import { getEvents, getMpState, setEvents, setMpState } from './events.js';
import { Lapic } from './lapic.js';
import type { ModelHost } from './model-host.js';
import { getMsrs, type MsrContext, makeMsrs, setMsrs, type VmMsrs } from './msrs.js';
import type { ModelMsr, VendorModel } from './nested-model.js';
import * as registers from './registers.js';
import type { ModelClock } from './time.js';
import { VcpuState, type VmContext } from './vcpu-state.js';
import { XsaveArea } from './xsave.js';

/** KVM_CAP_* that decide what a vCPU does. */
const CAP_TSC_CONTROL = 60;
const CAP_XSAVE2 = 208;
/** Parts in a million by which a TSC may be off the host's and still need no scaling. */
const TSC_TOLERANCE_PPM = 250;

/** What a vCPU is made of. */
export interface VcpuParts {
  readonly host: ModelHost;
  readonly tables: CpuidTables;
  readonly vm: VmContext & VmMsrs;
  readonly clock: ModelClock;
}

type Handler = (vcpu: ModelVcpu, buffer: Buffer, number: number) => number;

/** Every ioctl that a vCPU takes. */
const HANDLERS: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [KVM.GET_REGS, ({ context }, buffer) => registers.getRegs(context, buffer)],
  [KVM.SET_REGS, ({ context }, buffer) => registers.setRegs(context, buffer)],
  [KVM.GET_SREGS, ({ context }, buffer) => registers.getSregs(context, buffer)],
  [KVM.SET_SREGS, ({ context }, buffer) => registers.setSregs(context, buffer)],
  [KVM.GET_SREGS2, ({ context }, buffer) => registers.getSregs2(context, buffer)],
  [KVM.SET_SREGS2, ({ context }, buffer) => registers.setSregs2(context, buffer)],
  [KVM.GET_DEBUGREGS, ({ context }, buffer) => registers.getDebugregs(context, buffer)],
  [KVM.SET_DEBUGREGS, ({ context }, buffer) => registers.setDebugregs(context, buffer)],
  [KVM.GET_XCRS, ({ context }, buffer) => registers.getXcrs(context, buffer)],
  [KVM.SET_XCRS, ({ context }, buffer) => registers.setXcrs(context, buffer)],
  [KVM.GET_XSAVE, ({ xsave, state }, buffer) => xsave.get(buffer, state.cpuid)],
  [KVM.GET_XSAVE2, ({ xsave, state }, buffer) => xsave.get(buffer, state.cpuid)],
  [KVM.SET_XSAVE, ({ xsave }, buffer) => xsave.set(buffer)],
  [KVM.GET_MSRS, ({ msrs }, buffer) => getMsrs(msrs, buffer)],
  [KVM.SET_MSRS, ({ msrs }, buffer) => setMsrs(msrs, buffer)],
  [KVM.GET_VCPU_EVENTS, ({ state, vendor }, buffer) => getEvents(state, vendor, buffer)],
  [KVM.SET_VCPU_EVENTS, ({ state, vendor }, buffer) => setEvents(state, vendor, buffer)],
  [KVM.GET_MP_STATE, ({ state }, buffer) => getMpState(state, buffer)],
  [
    KVM.SET_MP_STATE,
    ({ state, vendor }, buffer) => setMpState(state, state.smm || vendor.initBlocked(), buffer),
  ],
  [KVM.GET_LAPIC, ({ context }, buffer) => context.lapic?.get(buffer) ?? EINVAL],
  [KVM.SET_LAPIC, ({ context }, buffer) => context.lapic?.set(buffer) ?? EINVAL],
  [KVM.GET_CPUID2, getCpuid2],
  [KVM.SET_CPUID2, setCpuid2],
  [KVM.GET_TSC_KHZ, ({ state }) => state.tscKhz],
  [KVM.SET_TSC_KHZ, (vcpu, _buffer, khz) => setTscKhz(vcpu, khz)],
  [KVM.GET_NESTED_STATE, getNestedState],
  [KVM.SET_NESTED_STATE, setNestedState],
]);

export class ModelVcpu implements VcpuPort {
  readonly run = undefined;
  readonly state: VcpuState;
  readonly vendor: VendorModel;
  readonly xsave: XsaveArea;
  readonly msrs: ReadonlyMap<number, ModelMsr>;
  readonly context: MsrContext;
  readonly parts: VcpuParts;

  constructor(index: number, order: number, parts: VcpuParts) {
    const { host, tables, vm, clock } = parts;
    this.parts = parts;
    this.state = new VcpuState(index, order, vm, host.tscKhz);
    this.vendor = host.vendorModel(this.state);
    const shape = {
      bytes: Math.max(host.capabilities.get(CAP_XSAVE2) ?? 0, SIZE.xsave),
      xcr0: host.xcr0,
      hostXcr0: host.hostXcr0,
      mxcsrMask: host.mxcsrMask,
    };
    this.xsave = new XsaveArea(shape, tables);
    this.context = {
      state: this.state,
      vendor: this.vendor,
      lapic: vm.irqchip ? new Lapic(this.state) : undefined,
      tables,
      eferReserved: (host.kernel.refused ?? REFUSED_EVERYWHERE).efer,
      vm,
      clock,
    };
    this.msrs = makeMsrs(host, this.context);
  }

  ioctl(request: number, argument: Uint8Array | number): number {
    return answer(request, argument, (buffer, number) => {
      const handler = HANDLERS.get(request);
      return handler === undefined ? EINVAL : handler(this, buffer, number);
    });
  }

  ioctls(calls: readonly Ioctl[]): SeriesResult {
    return oneByOne(this, calls);
  }

  close(): void {
    // As in the kernel, its index is not free again before the VM ends.
  }
}

const NO_BUFFER = Buffer.alloc(0);

/** What every port does around an ioctl: the buffer's size is checked, and a negative answer is thrown. */
export function answer(
  request: number,
  argument: Uint8Array | number,
  handle: (buffer: Buffer, number: number) => number,
): number {
  let value: number;
  if (typeof argument === 'number') {
    value = handle(NO_BUFFER, argument);
  } else {
    if (argument.byteLength < requestSize(request)) {
      throw new RangeError(`${requestName(request)} needs ${requestSize(request)} bytes`);
    }
    value = handle(Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength), 0);
  }
  if (value < 0) throw new KernelError(requestName(request), -value);
  return value;
}

/** kvm_vcpu_ioctl_get_cpuid2; the count is not written back, as in kernels before 6.4. */
function getCpuid2({ state }: ModelVcpu, buffer: Buffer): number {
  if (buffer.readUInt32LE(0) < state.cpuid.length / SIZE.cpuidEntry) return E2BIG;
  state.cpuid.copy(buffer, SIZE.cpuidHeader);
  return 0;
}

/** kvm_vcpu_ioctl_set_cpuid2, on a vCPU that has never run. */
function setCpuid2({ state, vendor, context }: ModelVcpu, buffer: Buffer): number {
  const count = buffer.readUInt32LE(0);
  if (count > MOST_CPUID_ENTRIES) return E2BIG;
  const entries = Buffer.from(buffer.subarray(SIZE.cpuidHeader, SIZE.cpuidHeader + SIZE.cpuidEntry * count));
  if (!isValidCpuid(entries)) return EINVAL;
  state.setCpuid(entries);
  updateRuntimeBits(state, context.tables);
  context.lapic?.setVersion();
  vendor.afterSetCpuid();
  return 0;
}

/** KVM_SET_TSC_KHZ: the frequency is held even where it is refused (kvm_set_tsc_khz). */
function setTscKhz({ state, parts }: ModelVcpu, khz: number): number {
  const { host } = parts;
  const wanted = khz === 0 ? host.tscKhz : khz;
  state.tscKhz = wanted;
  const tolerance = (host.tscKhz * TSC_TOLERANCE_PPM) / 1_000_000;
  if (Math.abs(wanted - host.tscKhz) <= tolerance) return 0;
  const scales = (host.capabilities.get(CAP_TSC_CONTROL) ?? 0) > 0;
  return scales || wanted > host.tscKhz ? 0 : EINVAL;
}

const SIZE_OFFSET = 4;

/** KVM_GET_NESTED_STATE in kvm_arch_vcpu_ioctl. */
function getNestedState({ vendor }: ModelVcpu, buffer: Buffer): number {
  const room = buffer.readUInt32LE(SIZE_OFFSET);
  const bytes = vendor.get(buffer, room);
  if (bytes < 0) return bytes;
  if (bytes <= room) return 0;
  buffer.writeUInt32LE(bytes, SIZE_OFFSET);
  return E2BIG;
}

/** KVM_SET_NESTED_STATE. The checks that both vendors share are rules of the table, as the vendor's are. */
function setNestedState({ vendor }: ModelVcpu, buffer: Buffer): number {
  return vendor.set(buffer);
}
