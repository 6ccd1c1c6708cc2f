// The VMX capability MSRs of a model vCPU (struct nested_vmx_msrs): what the host offers, what a restore may make of
// them (vmx_set_vmx_msr), and what follows the guest's CPUID (nested_vmx_cr_fixed1_bits_update,
// vmx_adjust_secondary_exec_control). Used by vmx.ts.

import { allowsPreemptionTimer, CAPABILITY_MSRS, unmetDemands } from '../../nested/vmx-capability-demands.js';
import { legalFixed, VMX_MSR } from '../../nested/vmx-conditions.js';
import { cpuidRegister } from '../cpuid.js';
import type { VcpuState } from './vcpu-state.js';

const LOW = 0xffff_ffffn;

/** MSRs that are made from the TRUE ones: controls that had to be 1 before there were those. */
const WITH_DEFAULT1: ReadonlyMap<number, readonly [from: number, default1: bigint]> = new Map([
  [0x481, [VMX_MSR.TRUE_PINBASED_CTLS, 0x16n]],
  [0x482, [VMX_MSR.TRUE_PROCBASED_CTLS, 0x0401_e172n]],
  [0x483, [VMX_MSR.TRUE_EXIT_CTLS, 0x0003_6dffn]],
  [0x484, [VMX_MSR.TRUE_ENTRY_CTLS, 0x0000_11ffn]],
]);

type Feature = readonly [leaf: number, subleaf: number, register: 'ebx' | 'ecx' | 'edx' | 'eax', bit: number];

/** Secondary controls that a vCPU may have by its CPUID: all of one of the lists of features. */
const SECONDARY_BY_CPUID: ReadonlyArray<readonly [bit: bigint, ...anyOf: ReadonlyArray<readonly Feature[]>]> =
  [
    [1n << 3n, [[0x8000_0001, 0, 'edx', 27]], [[7, 0, 'ecx', 22]]], // RDTSCP: RDTSCP or RDPID
    [1n << 11n, [[1, 0, 'ecx', 30]]], // RDRAND exiting
    [1n << 12n, [[7, 0, 'ebx', 10]]], // INVPCID
    [1n << 16n, [[7, 0, 'ebx', 18]]], // RDSEED exiting
    [
      1n << 20n,
      [
        [1, 0, 'ecx', 26],
        [0xd, 1, 'eax', 3],
      ],
    ], // XSAVES, and XSAVE
    [1n << 26n, [[7, 0, 'ecx', 5]]], // user wait and pause: WAITPKG
  ];

/** CR4 bits that IA32_VMX_CR4_FIXED1 has by CPUID; PCE always. */
const CR4_FIXED1_ALWAYS = 1n << 8n;
const CR4_FIXED1_BY_CPUID: ReadonlyArray<readonly [cr4: bigint, feature: Feature]> = [
  [3n, [1, 0, 'edx', 1]], // VME, PVI
  [1n << 2n, [1, 0, 'edx', 4]], // TSD
  [1n << 3n, [1, 0, 'edx', 2]], // DE
  [1n << 4n, [1, 0, 'edx', 3]], // PSE
  [1n << 5n, [1, 0, 'edx', 6]], // PAE
  [1n << 6n, [1, 0, 'edx', 7]], // MCE
  [1n << 7n, [1, 0, 'edx', 13]], // PGE
  [1n << 9n, [1, 0, 'edx', 24]], // OSFXSR
  [1n << 10n, [1, 0, 'edx', 25]], // OSXMMEXCPT
  [1n << 13n, [1, 0, 'ecx', 5]], // VMXE
  [1n << 14n, [1, 0, 'ecx', 6]], // SMXE
  [1n << 17n, [1, 0, 'ecx', 17]], // PCIDE
  [1n << 18n, [1, 0, 'ecx', 26]], // OSXSAVE
  [1n << 16n, [7, 0, 'ebx', 0]], // FSGSBASE
  [1n << 20n, [7, 0, 'ebx', 7]], // SMEP
  [1n << 21n, [7, 0, 'ebx', 20]], // SMAP
  [1n << 22n, [7, 0, 'ecx', 3]], // PKE
  [1n << 11n, [7, 0, 'ecx', 2]], // UMIP
  [1n << 12n, [7, 0, 'ecx', 16]], // LA57
];

export class VmxCapabilities {
  /** IA32_VMX_BASIC to IA32_VMX_VMFUNC. */
  readonly indices: readonly number[];
  private readonly offered: ReadonlyMap<number, bigint>;
  private readonly held: Map<number, bigint>;
  private view: ReadonlyMap<number, bigint> | undefined;

  constructor(featureMsrs: ReadonlyMap<number, bigint>) {
    this.offered = new Map(
      [...featureMsrs].filter(([index]) => index >= VMX_MSR.BASIC && index <= VMX_MSR.VMFUNC),
    );
    this.indices = [...this.offered.keys()];
    this.held = new Map([...this.offered].filter(([index]) => !WITH_DEFAULT1.has(index)));
  }

  /** vmx_get_vmx_msr. */
  read(index: number): bigint {
    const made = WITH_DEFAULT1.get(index);
    return made === undefined ? (this.held.get(index) ?? 0n) : this.get(made[0]) | made[1];
  }

  /** All of them, as the rules ask for them: the same map until one changes. */
  values(): ReadonlyMap<number, bigint> {
    this.view ??= new Map(this.indices.map((index) => [index, this.read(index)]));
    return this.view;
  }

  private hold(index: number, value: bigint): void {
    this.held.set(index, value);
    this.view = undefined;
  }

  /** vmx_set_vmx_msr, out of VMX operation: whether it took the value. */
  write(index: number, value: bigint): boolean {
    if (!this.mayHold(index, value)) return false;
    this.hold(index, value);
    return true;
  }

  private get(index: number): bigint {
    return this.held.get(index) ?? 0n;
  }

  private mayHold(index: number, value: bigint): boolean {
    const msr = CAPABILITY_MSRS.get(index);
    if (msr === undefined) return false; // made from CPUID or from the TRUE ones
    const timed = allowsPreemptionTimer(this.get(VMX_MSR.TRUE_PINBASED_CTLS));
    return unmetDemands(msr, value, this.offered.get(index) ?? 0n, timed).length === 0;
  }

  /** nested_vmx_max_atomic_switch_msrs. */
  longestMsrList(): number {
    return (Number((this.get(VMX_MSR.MISC) >> 25n) & 7n) + 1) * 512;
  }

  /** nested_host_cr0_valid; nested_guest_cr0_valid, with `waived` bits that must be 1 otherwise. */
  allowsCr0(cr0: bigint, waived: bigint): boolean {
    return legalFixed(this.values(), 'CR0', cr0, waived);
  }

  allowsCr4(cr4: bigint): boolean {
    return legalFixed(this.values(), 'CR4', cr4);
  }

  /** vmx_vcpu_after_set_cpuid. */
  followCpuid({ cpuid, cpuidFacts }: VcpuState): void {
    const has = ([leaf, subleaf, register, bit]: Feature): boolean =>
      ((cpuidRegister(cpuid, leaf, register, subleaf) >>> bit) & 1) === 1;
    const offered = this.offered.get(VMX_MSR.PROCBASED_CTLS2) ?? 0n;
    let secondary = this.get(VMX_MSR.PROCBASED_CTLS2);
    for (const [bit, ...anyOf] of SECONDARY_BY_CPUID) {
      const control = bit << 32n;
      if ((offered & control) === 0n) continue; // the CPU has it not
      secondary = anyOf.some((features) => features.every(has)) ? secondary | control : secondary & ~control;
    }
    this.hold(VMX_MSR.PROCBASED_CTLS2, secondary);
    if (!cpuidFacts.hasVmx) return;
    this.hold(VMX_MSR.CR0_FIXED1, LOW);
    this.hold(
      VMX_MSR.CR4_FIXED1,
      CR4_FIXED1_BY_CPUID.filter(([, feature]) => has(feature)).reduce(
        (bits, [cr4]) => bits | cr4,
        CR4_FIXED1_ALWAYS,
      ),
    );
  }
}
