// A model vCPU's XSAVE area, in the form in which KVM_GET_XSAVE and KVM_SET_XSAVE have it: the standard format, in
// which components that are in their initial state are not carried (arch/x86/kernel/fpu/xstate.c). Made by vcpu.ts.

import { type CpuidTables, XSAVE_MIN_BYTES } from './cpuid.js';
import { EINVAL } from './errno.js';

const MXCSR = { offset: 24, bytes: 8 } as const;
const ST = { offset: 32, bytes: 128 } as const;
const XMM = { offset: 160, bytes: 256 } as const;
/** The software's part of the legacy region: KVM leaves the host's XCR0 there, and does not look at it. */
const SOFTWARE_XCR0 = 464;
const HEADER = { features: 512, compaction: 520, reserved: 528, end: 576 } as const;
const FP = 1n;
const SSE = 2n;
const YMM = 4n;
const PKRU = 1n << 9n;

/** FCW 37Fh, MXCSR 1F80h. */
const FCW_INIT = 0x37f;
const MXCSR_INIT = 0x1f80;

/** What of the area is the host's. */
export interface XsaveShape {
  /** KVM_CAP_XSAVE2, or 4096: bytes. */
  readonly bytes: number;
  readonly xcr0: bigint;
  readonly mxcsrMask: number;
  /** XCR0 of the host's own programs. */
  readonly hostXcr0: bigint;
}

export class XsaveArea {
  private readonly shape: XsaveShape;
  private readonly tables: CpuidTables;
  /** FP, SSE and the extended components where they stand in the standard format, in use or not. */
  private readonly area: Buffer;
  /** XSTATE_BV: components that are not in their initial state. */
  private features = 0n;
  /** PKRU lives in a register of its own, which KVM keeps even where its component is in its initial state. */
  private pkru = 0;

  constructor(shape: XsaveShape, tables: CpuidTables) {
    this.shape = shape;
    this.tables = tables;
    this.area = Buffer.alloc(shape.bytes);
    this.area.writeUInt16LE(FCW_INIT, 0);
    this.area.writeUInt32LE(MXCSR_INIT, MXCSR.offset);
    this.area.writeUInt32LE(shape.mxcsrMask, MXCSR.offset + 4);
  }

  /** kvm_vcpu_ioctl_x86_get_xsave2: only what the guest may have. */
  get(buffer: Buffer, cpuid: Buffer): number {
    const { bytes, mxcsrMask, hostXcr0 } = this.shape;
    const supported = this.tables.supportedXcr0(cpuid) | FP | SSE;
    const features = this.features & supported;
    buffer.fill(0, 0, bytes);
    const copy = ({ offset, bytes: length }: { offset: number; bytes: number }) =>
      this.area.copy(buffer, offset, offset, offset + length);
    if ((features & FP) !== 0n) copy({ offset: 0, bytes: MXCSR.offset });
    else buffer.writeUInt16LE(FCW_INIT, 0);
    if ((features & (SSE | YMM)) !== 0n) copy(MXCSR);
    else {
      buffer.writeUInt32LE(MXCSR_INIT, MXCSR.offset);
      buffer.writeUInt32LE(mxcsrMask, MXCSR.offset + 4);
    }
    if ((features & FP) !== 0n) copy(ST);
    if ((features & SSE) !== 0n) copy(XMM);
    buffer.writeBigUInt64LE(hostXcr0, SOFTWARE_XCR0);
    buffer.writeBigUInt64LE(features, HEADER.features);
    for (const { bit, offset, bytes: length } of this.tables.xsaveComponents) {
      if ((features & bit) === 0n) continue;
      if (bit === PKRU) buffer.writeUInt32LE(this.pkru, offset);
      else copy({ offset, bytes: length });
    }
    return 0;
  }

  /** kvm_vcpu_ioctl_x86_set_xsave. */
  set(buffer: Buffer): number {
    const features = buffer.readBigUInt64LE(HEADER.features);
    if ((features & ~this.shape.xcr0) !== 0n) return EINVAL;
    if (buffer.subarray(HEADER.compaction, HEADER.end).some((byte) => byte !== 0)) return EINVAL;
    const uses = (mask: bigint): boolean => (features & mask) !== 0n;
    if (uses(FP | SSE | YMM)) {
      const mxcsr = buffer.readUInt32LE(MXCSR.offset);
      if ((mxcsr & ~this.shape.mxcsrMask) !== 0) return EINVAL;
      if (!uses(FP)) buffer.copy(this.area, MXCSR.offset, MXCSR.offset, MXCSR.offset + MXCSR.bytes);
    }
    const take = (offset: number, length: number) => buffer.copy(this.area, offset, offset, offset + length);
    // The FP component is the legacy region up to the XMM registers, MXCSR included.
    if (uses(FP)) take(0, XMM.offset);
    if (uses(SSE)) take(XMM.offset, XMM.bytes);
    for (const { bit, offset, bytes } of this.tables.xsaveComponents) if (uses(bit)) take(offset, bytes);
    if (uses(PKRU)) this.pkru = buffer.readUInt32LE(this.offsetOf(PKRU));
    this.features = features;
    return 0;
  }

  private offsetOf(component: bigint): number {
    return this.tables.xsaveComponents.find(({ bit }) => bit === component)?.offset ?? XSAVE_MIN_BYTES;
  }
}
