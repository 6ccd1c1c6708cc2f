// What a model vCPU holds of its own, whoever made its CPU: the part of KVM's struct kvm_vcpu_arch that ioctls show.
// What lies in a VMCB or a VMCS instead is its vendor's model's to keep (nested-model.ts). Made by vcpu.ts.

import type { VcpuFacts } from '../../nested/rule.js';
import { MP_STATE } from '../abi.js';
import { type CpuidFacts, cpuidFacts } from '../vcpu-facts.js';

/** What a vCPU asks of its VM. */
export interface VmContext {
  /** KVM_CREATE_IRQCHIP was done: vCPUs have a LAPIC. */
  readonly irqchip: boolean;
  /** KVM_CAP_EXCEPTION_PAYLOAD was enabled. */
  readonly exceptionPayload: boolean;
  /** KVM_CAP_X86_TRIPLE_FAULT_EVENT was enabled. */
  readonly tripleFaultEvent: boolean;
  /** Guest memory; undefined where no region holds all of the range. */
  readGuest(gpa: bigint, bytes: number): Buffer | undefined;
  /** Writes guest memory, or nothing where no region holds all of the range. */
  writeGuest(gpa: bigint, data: Uint8Array): void;
  /** IA32_TSC of a vCPU as it is now. */
  readTsc(vcpu: number): bigint;
}

/** An exception on its way: struct kvm_queued_exception. */
export interface QueuedException {
  injected: number;
  pending: number;
  vector: number;
  hasErrorCode: number;
  errorCode: number;
  hasPayload: number;
  payload: bigint;
}

const noException = (): QueuedException => ({
  injected: 0,
  pending: 0,
  vector: 0,
  hasErrorCode: 0,
  errorCode: 0,
  hasPayload: 0,
  payload: 0n,
});

/** General registers in the order of struct kvm_regs. */
export const GPR = { rax: 0, rbx: 1, rcx: 2, rdx: 3, rsi: 4, rdi: 5, rsp: 6, rbp: 7 } as const;
const GPRS = 16;

/** What RDX holds after a reset of a vCPU without CPUID: family 6 (kvm_vcpu_reset). */
const RDX_AT_RESET = 0x600n;
const APIC_BASE = { DEFAULT: 0xfee0_0000n, ENABLE: 1n << 11n, BSP: 1n << 8n } as const;

/** A vCPU at power-on, as kvm_vcpu_reset makes it before anyone sees it. */
export class VcpuState {
  readonly index: number;
  /** vcpu_idx: how many vCPUs of the VM were made before it. */
  readonly order: number;
  readonly vm: VmContext;

  readonly gprs = new BigUint64Array(GPRS);
  rip = 0xfff0n;
  cr0 = 0x6000_0010n;
  cr2 = 0n;
  cr3 = 0n;
  cr4 = 0n;
  /** Bits 3:0; used where there is no LAPIC, whose TPR it is otherwise. */
  cr8 = 0n;
  efer = 0n;
  apicBase: bigint;
  xcr0 = 1n;
  readonly db = new BigUint64Array(4);
  dr6 = 0xffff_0ff0n;
  dr7 = 0x400n;

  /** Page-directory pointers of PAE paging as last loaded, of L1's MMU and of an L2 with nested paging. */
  readonly pdptrs = { l1: new BigUint64Array(4), l2: new BigUint64Array(4) };

  /** HF_GUEST_MASK: the vCPU is in L2. */
  guestMode = false;
  /** HF_SMM_MASK. */
  smm = false;
  smmInsideNmi = 0;
  smiPending = 0;
  exception: QueuedException = noException();
  interruptInjected = 0;
  interruptNr = 0;
  interruptSoft = 0;
  nmiInjected = 0;
  nmiPending = 0;
  nmiMasked = 0;
  latchedInit = 0;
  tripleFault = 0;

  mpState: number;
  tscKhz: number;

  /** Entries of struct kvm_cpuid_entry2, 40 bytes each, as they were set. */
  cpuid: Buffer = Buffer.alloc(0);
  /** What the rules ask of that CPUID. */
  cpuidFacts: CpuidFacts = cpuidFacts(this.cpuid);

  private view: VcpuFacts | undefined;

  constructor(index: number, order: number, vm: VmContext, tscKhz: number) {
    this.index = index;
    this.order = order;
    this.vm = vm;
    this.tscKhz = tscKhz;
    this.gprs[GPR.rdx] = RDX_AT_RESET;
    const bsp = index === 0;
    this.apicBase = APIC_BASE.DEFAULT | APIC_BASE.ENABLE | (bsp ? APIC_BASE.BSP : 0n);
    // Without an in-kernel irqchip nothing could start the others by SIPI (kvm_arch_vcpu_create).
    this.mpState = bsp || !vm.irqchip ? MP_STATE.RUNNABLE : MP_STATE.UNINITIALIZED;
  }

  setCpuid(entries: Buffer): void {
    this.cpuid = entries;
    this.cpuidFacts = cpuidFacts(entries);
    this.view = undefined;
  }

  /**
   * What the rules ask of this vCPU: a view, which follows it until its CPUID is set again. `vmxCapabilityMsrs`: as the
   * vendor's model holds them; empty on AMD.
   */
  facts(vmxCapabilityMsrs: ReadonlyMap<number, bigint>): VcpuFacts {
    if (this.view?.vmxCapabilityMsrs !== vmxCapabilityMsrs) this.view = liveFacts(this, vmxCapabilityMsrs);
    return this.view;
  }
}

function liveFacts(state: VcpuState, vmxCapabilityMsrs: ReadonlyMap<number, bigint>): VcpuFacts {
  return {
    ...state.cpuidFacts,
    vmxCapabilityMsrs,
    readGuest: (gpa, bytes) => state.vm.readGuest(gpa, bytes),
    get efer() {
      return state.efer;
    },
    get cr0() {
      return state.cr0;
    },
    get cr3() {
      return state.cr3;
    },
    get cr4() {
      return state.cr4;
    },
    get inSmm() {
      return state.smm;
    },
  };
}
