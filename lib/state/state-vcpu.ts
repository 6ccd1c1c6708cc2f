// A vCPU as this floor has to do with it: what it can be asked, and what decides which parts it has.

import type { CapName } from '../kvm/abi.js';
import type { SeriesPort } from '../kvm/port.js';

/** What decides which parts a vCPU has and how large they are. */
export interface VcpuShape {
  /** Of the VM: KVM_CHECK_EXTENSION's answers. */
  readonly capabilities: ReadonlyMap<CapName, number>;
  /** Whether the VM has an in-kernel irqchip, and so the vCPU a LAPIC. */
  readonly irqchip: boolean;
  /** MSRs that this vCPU can read and that are worth moving. */
  readonly msrIndices: readonly number[];
  /** The nested state's format and most bytes, where the host has it. */
  readonly nested: { readonly format: 'SVM' | 'VMX'; readonly maxBytes: number } | undefined;
}

/** A vCPU as the kernel has it. */
export interface KernelVcpu {
  readonly port: SeriesPort;
  readonly shape: VcpuShape;
}

/** A vCPU that can be given a state. */
export interface StateVcpu extends KernelVcpu {
  /** Ends what the exit that stopped the vCPU left half done; its registers are of no meaning afterwards. */
  dropPendingAccess(): void;
  /** Guest memory at once; undefined for a range that no one region of the VM holds whole. */
  readGuest(gpa: bigint, bytes: number): Uint8Array | undefined;
}
