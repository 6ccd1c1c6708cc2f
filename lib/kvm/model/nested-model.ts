// The seam between a model vCPU and its vendor: what KVM reaches through kvm_x86_ops and kvm_x86_nested_ops.
// vcpu.ts does what all vCPUs do alike and calls these; svm.ts and vmx.ts implement them.
//
// Answers are the kernel's: 0 or more, or a negative errno (errno.ts). Nothing here throws for what a caller did.

import type { NestedFormat } from '../../nested/layout.js';
import type { VcpuFacts } from '../../nested/rule.js';
import type { VcpuState } from './vcpu-state.js';

/** kvm_x86_nested_ops, as far as ioctls reach it. */
export interface NestedModel {
  readonly format: NestedFormat;
  /** KVM_CAP_NESTED_STATE, bytes. */
  readonly maxBytes: number;
  /**
   * get_state: writes a nested state into the buffer, whose caller says that it has room for `userBytes`. Gives the
   * bytes that the state has, more than `userBytes` too: the caller makes E2BIG of it.
   */
  get(buffer: Buffer, userBytes: number): number;
  /** set_state, after the checks that both vendors share: 0, a positive VM-entry failure, or -errno. */
  set(buffer: Buffer): number;
  /** What the rules ask of the vCPU as it is now. */
  facts(): VcpuFacts;
  /** leave_nested: out of L2 (and, on VMX, out of VMX operation), registers as they are. */
  leave(): void;
}

/** A segment register as struct kvm_segment has it. */
export interface Segment {
  readonly base: bigint;
  readonly limit: number;
  readonly selector: number;
  readonly type: number;
  readonly present: number;
  readonly dpl: number;
  readonly db: number;
  readonly s: number;
  readonly l: number;
  readonly g: number;
  readonly avl: number;
  readonly unusable: number;
}

export const SEGMENTS = ['cs', 'ds', 'es', 'fs', 'gs', 'ss', 'tr', 'ldtr'] as const;
export type SegmentName = (typeof SEGMENTS)[number];

/** GDTR or IDTR. */
export interface DescriptorTable {
  readonly base: bigint;
  readonly limit: number;
}

/** One model-specific register. */
export interface ModelMsr {
  /** undefined: KVM_GET_MSRS stops here. */
  read(): bigint | undefined;
  /** False: KVM_SET_MSRS stops here. */
  write(value: bigint): boolean;
}

/** One vendor's part of one vCPU: kvm_x86_ops. */
export interface VendorModel extends NestedModel {
  // What lies in the VMCB or VMCS of whoever has the CPU, L1 or L2.
  getSegment(name: SegmentName): Segment;
  setSegment(name: SegmentName, segment: Segment): void;
  getTable(name: 'gdt' | 'idt'): DescriptorTable;
  setTable(name: 'gdt' | 'idt', table: DescriptorTable): void;
  getRflags(): bigint;
  setRflags(rflags: bigint): void;
  /** KVM_X86_SHADOW_*: bit 0 MOV SS, bit 1 STI. */
  getInterruptShadow(): number;
  setInterruptShadow(mask: number): void;
  /** apic_init_signal_blocked: INIT and SIPI are not taken now. */
  initBlocked(): boolean;
  /** Guest debug registers were set (set_dr7). */
  setDr7(dr7: bigint): void;

  /** is_valid_cr0 and is_valid_cr4, beside what both vendors check. */
  isValidCr0(cr0: bigint): boolean;
  isValidCr4(cr4: bigint): boolean;
  /** set_efer, set_cr0, set_cr4: store the value in the vCPU's state, with all that hangs on it, such as leaving L2. */
  setEfer(efer: bigint): void;
  setCr0(cr0: bigint): void;
  setCr4(cr4: bigint): void;

  /** After KVM_SET_CPUID2. */
  afterSetCpuid(): void;
  /** walk_mmu is nested_mmu: L2 runs by nested paging, and its page-directory pointers are its own. */
  nestedPaging(): boolean;
  /** The vendor's own MSRs: these come before those that both vendors have. */
  readonly msrs: ReadonlyMap<number, ModelMsr>;
}

/** Makes the vendor's part of a vCPU at power-on. */
export type VendorModelFactory = (vcpu: VcpuState) => VendorModel;
