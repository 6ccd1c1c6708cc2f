// What a rule about nested state is: what it may ask (the bytes, the vCPU, the kernel), its row, and the
// conditions that both vendors' tables are written with. Used by svm-rules.ts, vmx-rules.ts and rules.ts; the
// services fill in VcpuFacts and KernelFacts.

import { read } from './codec.js';
import { HEADER, type NestedFormat } from './layout.js';

/**
 * Bits of L1's and L2's registers that are reserved for want of a CPUID feature. Of a vCPU: by its own CPUID. Of a
 * kernel: by the CPUID that it supports, so for every guest. A bit that neither names may be reserved all the same.
 */
export interface ReservedBits {
  /** __cr4_reserved_bits; of bits that no feature is known for only SMXE. */
  readonly cr4: bigint;
  /** The LAM bits of CR3 (kvm_vcpu_is_legal_cr3); bits above MAXPHYADDR are another matter. */
  readonly cr3: bigint;
  /** vmx_get_supported_debugctl, without BTF and LBR, which are let pass, and FREEZE_IN_SMM, where kernels differ. */
  readonly debugctl: bigint;
  /** kvm_pmu.global_ctrl_mask: all bits that enable no counter. */
  readonly perfGlobalCtrl: bigint;
}

/** What the rules ask of the vCPU that is to take the state: its registers as they are now, and its CPUID. */
export interface VcpuFacts {
  readonly efer: bigint;
  readonly cr0: bigint;
  readonly cr3: bigint;
  /** While L1 runs: if the vCPU is in L2, what L1 will have once the kernel has left it. */
  readonly cr4: bigint;
  /** KVM_GET_VCPU_EVENTS: smi.smm. */
  readonly inSmm: boolean;
  /** CPUID 8000_0008h EAX[7:0]; 36 if the guest has no such leaf, as KVM assumes. Integer, 0 to 255. */
  readonly maxPhyAddr: number;
  /** CPUID 8000_0001h ECX[2]. */
  readonly hasSvm: boolean;
  /** CPUID 1h ECX[5]. */
  readonly hasVmx: boolean;
  /** CPUID 8000_000Ah EDX[0]. */
  readonly hasNpt: boolean;
  /** CPUID 8000_0001h EDX[29]. */
  readonly hasLongMode: boolean;
  /** CPUID 8000_0001h EDX[20]. */
  readonly hasNx: boolean;
  /** CPUID 8000_0001h EDX[25]. */
  readonly hasFxsrOpt: boolean;
  /** CPUID 8000_0021h EAX[8]. */
  readonly hasAutoIbrs: boolean;
  /** CPUID 7h ECX[7]: shadow stacks. */
  readonly hasShstk: boolean;
  /** CPUID 7h EDX[20]: indirect branch tracking. */
  readonly hasIbt: boolean;
  readonly reserved: ReservedBits;
  /** KVM_X86_QUIRK_NESTED_SVM_SHARED_PAT was disabled for the VM: L2 has a PAT of its own. */
  readonly separateL2Pat: boolean;
  /** KVM_CAP_HYPERV_ENLIGHTENED_VMCS was enabled on the vCPU; true if that is not known. */
  readonly enlightenedVmcs: boolean;
  /** IA32_VMX_* (480h to 491h) by MSR number, read by KVM_GET_MSRS. A rule whose MSR is missing is not applied. */
  readonly vmxCapabilityMsrs: ReadonlyMap<number, bigint>;
  /** Bytes of guest memory, undefined where none is; absent where the guest's memory is not known. */
  readonly readGuest?: ReadGuest;
}

/** Reads guest memory; a range that no one memory region holds whole gives undefined. */
export type ReadGuest = (gpa: bigint, bytes: number) => Uint8Array | undefined;

/** What the rules ask of the kernel at hand. */
export interface KernelFacts {
  /** The vendor module that is loaded. */
  readonly format: NestedFormat;
  /** Reasons of `varies` rows that this kernel was seen to apply. Other reasons in it have no effect. */
  readonly enforced: ReadonlySet<string>;
  /** What it reserves for every guest; absent where the kernel is only described, and then nothing is refused for it. */
  readonly reserved?: ReservedBits;
  /** Bits of L1's registers that it was seen to refuse on a vCPU with all that it supports; absent if it was not asked. */
  readonly refused?: RefusedBits;
}

export interface RefusedBits {
  readonly cr4: bigint;
  readonly efer: bigint;
}

/**
 * What no kernel lets any guest set: all that is known of one that was not asked. CR4: 15, 26, 27, 31:29, 63:33.
 * EFER: 7:1, 9, 16, 19, 63:22.
 */
export const REFUSED_EVERYWHERE: RefusedBits = {
  cr4: 0xffff_fffe_ec00_8000n,
  efer: 0xffff_ffff_ffc9_02fen,
};

/** Bits that a kernel refuses of every guest, as far as is known. */
export function refused(kernel: KernelFacts): RefusedBits {
  return kernel.refused ?? REFUSED_EVERYWHERE;
}

export interface RuleContext {
  readonly bytes: Uint8Array;
  /** View of `bytes`. */
  readonly view: DataView;
  readonly vcpu: VcpuFacts;
  readonly kernel: KernelFacts;
}

/**
 * What a rule may have to know beside the bytes: the vCPU's registers and modes, its CPUID, its VMX capability MSRs,
 * guest memory. A target that is only described may lack some of it; rules that need it are then not judged.
 */
export const NEEDS = ['registers', 'cpuid', 'vmx-msrs', 'memory'] as const;
export type Need = (typeof NEEDS)[number];

export interface Rule<R extends string = string> {
  /** Stable name, UPPER_SNAKE, at most 63 characters; the `reason` of google.rpc.ErrorInfo. */
  readonly reason: R;
  /** What the kernel answers; '' where it doesn't answer -1, but `returns`. */
  readonly errno: 'EINVAL' | '';
  /** The return value above 0 by which the kernel says no instead. */
  readonly returns?: number;
  /** Path of the offending field: of the blob as in layout.ts, or `vcpu.<register>`, or `bytes`. */
  readonly field: string;
  /** One sentence for a person. */
  readonly message: string;
  /** What it must know beside the state's own bytes. */
  readonly needs: readonly Need[];
  /** The kernel function that has the rule. */
  readonly source: string;
  /** Who refuses: the kernel, or this service although the kernel might go on. */
  readonly origin: 'kernel' | 'service';
  /** Kernels differ about this rule: it counts only if KernelFacts.enforced has its reason. */
  readonly varies: boolean;
  /** Where it varies: the kernels that have it, for a person, such as "since 6.4". */
  readonly kernels?: string;
  /** True if the state breaks the rule. Called only if the rule's section is reached. */
  readonly violated: (context: RuleContext) => boolean;
}

/** A rule that every kernel applies. */
export function always<const R extends string>(
  row: Omit<Rule<R>, 'errno' | 'returns' | 'origin' | 'varies' | 'kernels'>,
): Rule<R> {
  return { ...row, errno: 'EINVAL', origin: 'kernel', varies: false };
}

/** A rule that every kernel applies, and that it answers with a return value above 0. */
export function returning<const R extends string>(
  returns: number,
  row: Omit<Rule<R>, 'errno' | 'returns' | 'origin' | 'varies' | 'kernels'>,
): Rule<R> {
  return { ...row, errno: '', returns, origin: 'kernel', varies: false };
}

/** A rule that some kernels apply; its comment says which. */
export function varying<const R extends string>(
  row: Omit<Rule<R>, 'errno' | 'returns' | 'origin' | 'varies' | 'kernels'> & { readonly kernels: string },
): Rule<R> {
  return { ...row, errno: 'EINVAL', origin: 'kernel', varies: true };
}

/** A rule of ours, so that the kernel never copies past the bytes that were given. */
export function service<const R extends string>(
  row: Omit<Rule<R>, 'errno' | 'returns' | 'origin' | 'varies' | 'kernels' | 'source'>,
): Rule<R> {
  return { ...row, errno: 'EINVAL', source: 'vcpud', origin: 'service', varies: false };
}

/** A stretch of the kernel's code between two points where it may answer 0, and the rules that it applies. */
export interface Section {
  /** False where the kernel has answered 0 already, went another way, or the bytes end too early to judge. */
  readonly reached: (context: RuleContext) => boolean;
  readonly rules: readonly Rule[];
}

// ---------------------------------------------------------------------------------------------------------
// Conditions

export const PAGE_MASK = 0xfffn;
export const CR0 = { PE: 1n << 0n, NW: 1n << 29n, CD: 1n << 30n, PG: 1n << 31n } as const;
/** CR3 bits that are address-masking controls (LAM) on some vCPUs: left to the kernel. */
const CR3_LAM = 3n << 61n;

/** Any of the given bits is set in the header's `flags`. */
export function hasFlag(view: DataView, flag: number): boolean {
  return (read(view, HEADER.flags) & flag) !== 0;
}

/** kvm_vcpu_is_legal_gpa: no bit at or above the guest's MAXPHYADDR. */
export function legalGpa(vcpu: VcpuFacts, gpa: bigint): boolean {
  return gpa >> BigInt(vcpu.maxPhyAddr) === 0n;
}

/** page_address_valid: legal and a multiple of 4096. */
export function legalPage(vcpu: VcpuFacts, gpa: bigint): boolean {
  return (gpa & PAGE_MASK) === 0n && legalGpa(vcpu, gpa);
}

/** A bit that the vCPU or its kernel is known to reserve is set. */
export function setsReserved(
  { vcpu, kernel }: RuleContext,
  register: keyof ReservedBits,
  value: bigint,
): boolean {
  return (value & (vcpu.reserved[register] | (kernel.reserved?.[register] ?? 0n))) !== 0n;
}

/** kvm_vcpu_is_legal_cr3, but for its two LAM bits. */
export function legalCr3(vcpu: VcpuFacts, cr3: bigint): boolean {
  return legalGpa(vcpu, cr3 & ~CR3_LAM);
}
