// What a rule about nested state is: what it may ask (the bytes, the vCPU, the kernel), its row, and the
// conditions that both vendors' tables are written with. Used by svm-rules.ts, vmx-rules.ts and rules.ts; the
// services fill in VcpuFacts and KernelFacts.

import { read } from './codec.js';
import { HEADER, type NestedFormat } from './layout.js';

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
  /** CPUID 7h ECX[7]: shadow stacks. */
  readonly hasShstk: boolean;
  /** CPUID 7h EDX[20]: indirect branch tracking. */
  readonly hasIbt: boolean;
  /** CPUID (7, 1) EAX[26]: linear-address masking. */
  readonly hasLam: boolean;
  /** CR4 bits of features that the guest's CPUID lacks; a kernel that knows such a bit refuses it for that. */
  readonly cr4Reserved: bigint;
  /** IA32_DEBUGCTL bits of features that the guest lacks (vmx_get_supported_debugctl). */
  readonly debugctlReserved: bigint;
  /** IA32_PERF_GLOBAL_CTRL bits that enable no counter of the guest's CPUID 0Ah (kvm_pmu.global_ctrl_mask). */
  readonly perfGlobalCtrlReserved: bigint;
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
  /** Register bits that this kernel lets no guest of this host set, whatever its CPUID. */
  readonly reserved: ReservedBits;
}

export interface ReservedBits {
  readonly cr4: bigint;
  readonly efer: bigint;
  /** Of L2, on Intel; 0 where the kernel checks none. */
  readonly debugctl: bigint;
  /** Of L1 and L2, on Intel. */
  readonly perfGlobalCtrl: bigint;
}

/**
 * What no kernel lets any guest set: of a kernel that was not asked, this is all that is known. CR4: 15, 26, 27, 31:29,
 * 63:33. EFER: 7:1, 9, 16, 19, 63:22.
 */
export const RESERVED_EVERYWHERE: ReservedBits = {
  cr4: 0xffff_fffe_ec00_8000n,
  efer: 0xffff_ffff_ffc9_02fen,
  debugctl: 0n,
  perfGlobalCtrl: 0n,
};

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
/** CR3 bits that are address-masking controls on vCPUs with LAM. */
const CR3_LAM = 3n << 61n;
const CR4_LAM_SUP = 1n << 28n;

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

/** kvm_vcpu_is_legal_cr3. A kernel or host without LAM is told by CR4.LAM_SUP, which it reserves. */
export function legalCr3({ vcpu, kernel }: RuleContext, cr3: bigint): boolean {
  const lam = vcpu.hasLam && (kernel.reserved.cr4 & CR4_LAM_SUP) === 0n;
  return legalGpa(vcpu, lam ? cr3 & ~CR3_LAM : cr3);
}
