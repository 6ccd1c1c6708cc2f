// The CPUID registers that are lists of features, with a name for each bit: what the checks go through, bit by bit. Names
// are Linux's (arch/x86/include/asm/cpufeatures.h, arch/x86/include/uapi/asm/kvm_para.h), without X86_FEATURE_ and
// KVM_FEATURE_. A bit without a name is reported by its place.

import type { Register } from '../kvm/cpuid.js';

/** One bit of CPUID. */
export interface CpuidBit {
  readonly leaf: number;
  readonly subleaf: number;
  readonly register: Register;
  /** 0 to 31. */
  readonly bit: number;
}

export interface FeatureRegister {
  readonly leaf: number;
  readonly subleaf: number;
  readonly register: Register;
  /** Names from bit 0 on, separated by spaces; - for a bit without one. */
  readonly names: string;
}

const register = (leaf: number, subleaf: number, name: Register, names: string): FeatureRegister => ({
  leaf,
  subleaf,
  register: name,
  names,
});

/** In the order of CPUID. AMD repeats bits of leaf 1 EDX in leaf 0x80000001: those have EXT_ before their name. */
export const FEATURE_REGISTERS: readonly FeatureRegister[] = [
  register(
    0x1,
    0,
    'ecx',
    'XMM3 PCLMULQDQ DTES64 MWAIT DSCPL VMX SMX EST TM2 SSSE3 CID SDBG FMA CX16 XTPR PDCM - PCID DCA XMM4_1 XMM4_2 X2APIC MOVBE POPCNT TSC_DEADLINE_TIMER AES XSAVE OSXSAVE AVX F16C RDRAND HYPERVISOR',
  ),
  register(
    0x1,
    0,
    'edx',
    'FPU VME DE PSE TSC MSR PAE MCE CX8 APIC - SEP MTRR PGE MCA CMOV PAT PSE36 PN CLFLUSH - DS ACPI MMX FXSR XMM XMM2 SELFSNOOP HT ACC IA64 PBE',
  ),
  register(0x6, 0, 'eax', '- - ARAT'),
  register(
    0x7,
    0,
    'ebx',
    'FSGSBASE TSC_ADJUST SGX BMI1 HLE AVX2 FDP_EXCPTN_ONLY SMEP BMI2 ERMS INVPCID RTM CQM ZERO_FCS_FDS MPX RDT_A AVX512F AVX512DQ RDSEED ADX SMAP AVX512IFMA - CLFLUSHOPT CLWB INTEL_PT AVX512PF AVX512ER AVX512CD SHA_NI AVX512BW AVX512VL',
  ),
  register(
    0x7,
    0,
    'ecx',
    'PREFETCHWT1 AVX512VBMI UMIP PKU OSPKE WAITPKG AVX512_VBMI2 SHSTK GFNI VAES VPCLMULQDQ AVX512_VNNI AVX512_BITALG TME AVX512_VPOPCNTDQ - LA57 - - - - - RDPID KEY_LOCKER BUS_LOCK_DETECT CLDEMOTE - MOVDIRI MOVDIR64B ENQCMD SGX_LC PKS',
  ),
  register(
    0x7,
    0,
    'edx',
    '- SGX_KEYS AVX512_4VNNIW AVX512_4FMAPS FSRM UINTR - - AVX512_VP2INTERSECT SRBDS_CTRL MD_CLEAR RTM_ALWAYS_ABORT - TSX_FORCE_ABORT SERIALIZE HYBRID_CPU TSXLDTRK - PCONFIG ARCH_LBR IBT - AMX_BF16 AVX512_FP16 AMX_TILE AMX_INT8 SPEC_CTRL INTEL_STIBP FLUSH_L1D ARCH_CAPABILITIES CORE_CAPABILITIES SPEC_CTRL_SSBD',
  ),
  register(
    0x7,
    1,
    'eax',
    'SHA512 SM3 SM4 - AVX_VNNI AVX512_BF16 LASS CMPCCXADD ARCH_PERFMON_EXT - FZRM FSRS FSRC - - - - FRED LKGS WRMSRNS - AMX_FP16 - AVX_IFMA - - LAM - - - - MOVRS',
  ),
  register(0x7, 1, 'ebx', 'PPIN'),
  register(0x7, 1, 'ecx', ''),
  register(
    0x7,
    1,
    'edx',
    '- - - - AVX_VNNI_INT8 AVX_NE_CONVERT - - AMX_COMPLEX - AVX_VNNI_INT16 - - - PREFETCHITI - - - CET_SSS AVX10',
  ),
  register(0x7, 2, 'edx', 'INTEL_PSFD IPRED_CTRL RRSBA_CTRL DDPD_U BHI_CTRL MCDT_NO'),
  register(0xd, 1, 'eax', 'XSAVEOPT XSAVEC XGETBV1 XSAVES XFD'),
  register(0x12, 0, 'eax', 'SGX1 SGX2'),
  register(0x14, 0, 'ebx', ''),
  register(0x14, 0, 'ecx', ''),
  register(
    0x40000001,
    0,
    'eax',
    'CLOCKSOURCE NOP_IO_DELAY MMU_OP CLOCKSOURCE2 ASYNC_PF STEAL_TIME PV_EOI PV_UNHALT - PV_TLB_FLUSH ASYNC_PF_VMEXIT PV_SEND_IPI POLL_CONTROL PV_SCHED_YIELD ASYNC_PF_INT MSI_EXT_DEST_ID HC_MAP_GPA_RANGE MIGRATION_CONTROL - - - - - - CLOCKSOURCE_STABLE_BIT',
  ),
  register(
    0x80000001,
    0,
    'ecx',
    'LAHF_LM CMP_LEGACY SVM EXTAPIC CR8_LEGACY ABM SSE4A MISALIGNSSE 3DNOWPREFETCH OSVW IBS XOP SKINIT WDT - LWP FMA4 TCE - NODEID_MSR - TBM TOPOEXT PERFCTR_CORE PERFCTR_NB - BPEXT PTSC PERFCTR_LLC MWAITX',
  ),
  register(
    0x80000001,
    0,
    'edx',
    'EXT_FPU EXT_VME EXT_DE EXT_PSE EXT_TSC EXT_MSR EXT_PAE EXT_MCE EXT_CX8 EXT_APIC - SYSCALL EXT_MTRR EXT_PGE EXT_MCA EXT_CMOV EXT_PAT EXT_PSE36 - MP NX - MMXEXT EXT_MMX EXT_FXSR FXSR_OPT GBPAGES RDTSCP - LM 3DNOWEXT 3DNOW',
  ),
  register(0x80000007, 0, 'ebx', 'OVERFLOW_RECOV SUCCOR - SMCA'),
  register(0x80000007, 0, 'edx', '- - - - - - - - INVARIANT_TSC'),
  register(
    0x80000008,
    0,
    'ebx',
    'CLZERO IRPERF XSAVEERPTR INVLPGB RDPRU - - - - WBNOINVD - - AMD_IBPB INT_WBINVD AMD_IBRS AMD_STIBP - AMD_STIBP_ALWAYS_ON - AMD_IBRS_SAME_MODE - - - AMD_PPIN AMD_SSBD VIRT_SSBD AMD_SSB_NO CPPC AMD_PSFD BTC_NO AMD_IBPB_RET',
  ),
  register(
    0x8000000a,
    0,
    'edx',
    'NPT LBRV SVML NRIPS TSCRATEMSR VMCBCLEAN FLUSHBYASID DECODEASSISTS - - PAUSEFILTER - PFTHRESHOLD AVIC - V_VMSAVE_VMLOAD VGIF GMET X2AVIC SSS_CHECK V_SPEC_CTRL ROGPT - HOST_MCE_OVERRIDE TLBICTL VNMI IBSVIRT EXTLVT_AVIC SVME_ADDR_CHK BUS_LOCK_THRESHOLD IDLE_HLT',
  ),
  register(0x8000001f, 0, 'eax', 'SME SEV VM_PAGE_FLUSH SEV_ES SEV_SNP'),
  register(
    0x80000021,
    0,
    'eax',
    'NO_NESTED_DATA_BP WRMSR_XX_BASE_NS LFENCE_RDTSC SMM_PGCFG_LOCK - VERW_CLEAR NULL_SEL_CLR_BASE UPPER_ADDRESS_IGNORE AUTOIBRS NO_SMM_CTL_MSR AMD_FSRS AMD_FSRC - PREFETCH_CTL_MSR - - - CPUID_USER_DIS EPSF - PREFETCHI - - - ERAPS - - SBPB IBPB_BRTYPE SRSO_NO SRSO_USER_KERNEL_NO SRSO_MSR_FIX',
  ),
  register(0x80000021, 0, 'ecx', '- TSA_SQ_NO TSA_L1_NO'),
  register(0x80000022, 0, 'eax', 'PERFMON_V2 AMD_LBR_V2 AMD_LBR_PMC_FREEZE'),
  register(
    0xc0000001,
    0,
    'edx',
    '- - XSTORE XSTORE_EN - - XCRYPT XCRYPT_EN ACE2 ACE2_EN PHE PHE_EN PMM PMM_EN',
  ),
];

/** Bits that say nothing of what the host can do, each with its reason: they are not compared. */
const NOT_OF_THE_HOST: ReadonlyMap<string, string> = new Map([
  ['OSXSAVE', "follows the guest's CR4"],
  ['OSPKE', "follows the guest's CR4"],
  ['APIC', "follows the guest's APIC base MSR"],
  ['EXT_APIC', "follows the guest's APIC base MSR"],
  ['MWAIT', 'every KVM runs it as a NOP, and offers it to nobody'],
  ['HYPERVISOR', 'every KVM gives it, and lists it nowhere'],
  ['HT', 'topology: whoever makes the VM decides'],
  ['CMP_LEGACY', 'topology: whoever makes the VM decides'],
]);

/** Values that a host must have at least as high, each with what falls short otherwise. */
export interface CpuidValue {
  readonly name: string;
  readonly leaf: number;
  readonly subleaf: number;
  readonly register: Register;
  readonly shift: number;
  readonly width: number;
}

export const CPUID_VALUES: readonly CpuidValue[] = [
  { name: 'LINEAR_ADDRESS_BITS', leaf: 0x80000008, subleaf: 0, register: 'eax', shift: 8, width: 8 },
  { name: 'SVM_ASIDS', leaf: 0x8000000a, subleaf: 0, register: 'ebx', shift: 0, width: 32 },
  { name: 'PMU_VERSION', leaf: 0xa, subleaf: 0, register: 'eax', shift: 0, width: 8 },
  { name: 'PMU_COUNTERS', leaf: 0xa, subleaf: 0, register: 'eax', shift: 8, width: 8 },
  { name: 'PMU_FIXED_COUNTERS', leaf: 0xa, subleaf: 0, register: 'edx', shift: 0, width: 5 },
  { name: 'AMD_PMU_COUNTERS', leaf: 0x80000022, subleaf: 0, register: 'ebx', shift: 0, width: 4 },
  { name: 'AVX10_VERSION', leaf: 0x24, subleaf: 0, register: 'ebx', shift: 0, width: 8 },
];

/** XSAVE components by their bit in XCR0 or IA32_XSS; leaf 0xD, subleaves 0 and 1. */
const XSAVE_COMPONENTS: ReadonlyMap<number, string> = new Map([
  [0, 'X87'],
  [1, 'SSE'],
  [2, 'YMM'],
  [3, 'BNDREGS'],
  [4, 'BNDCSR'],
  [5, 'OPMASK'],
  [6, 'ZMM_HI256'],
  [7, 'HI16_ZMM'],
  [8, 'PT'],
  [9, 'PKRU'],
  [10, 'PASID'],
  [11, 'CET_USER'],
  [12, 'CET_KERNEL'],
  [13, 'HDC'],
  [14, 'UINTR_STATE'],
  [15, 'ARCH_LBR_STATE'],
  [16, 'HWP'],
  [17, 'XTILE_CFG'],
  [18, 'XTILE_DATA'],
  [19, 'APX'],
]);

export const xsaveComponentName = (bit: number): string =>
  XSAVE_COMPONENTS.get(bit) ?? `XSAVE_COMPONENT_${bit}`;

const hex = (value: number): string => `0x${value.toString(16)}`;

/** "CPUID 0x7.0 EBX bit 5". */
export function placeOf({ leaf, subleaf, register: name, bit }: CpuidBit): string {
  return `CPUID ${hex(leaf)}.${subleaf} ${name.toUpperCase()} bit ${bit}`;
}

/** "AVX2"; of a bit without a name "0x7.0.EBX[22]". */
export function featureName({ leaf, subleaf, register: name, names }: FeatureRegister, bit: number): string {
  const given = names.split(' ')[bit];
  if (given !== undefined && given !== '' && given !== '-') return given;
  return `${hex(leaf)}.${subleaf}.${name.toUpperCase()}[${bit}]`;
}

export interface Feature extends CpuidBit {
  readonly name: string;
}

/** The bits of each register that are compared. */
export const FEATURES_BY_REGISTER: ReadonlyArray<{
  readonly at: FeatureRegister;
  readonly features: readonly Feature[];
}> = FEATURE_REGISTERS.map((at) => ({
  at,
  features: Array.from({ length: 32 }, (_, bit) => ({
    leaf: at.leaf,
    subleaf: at.subleaf,
    register: at.register,
    bit,
    name: featureName(at, bit),
  })).filter(({ name }) => !NOT_OF_THE_HOST.has(name)),
}));

export const FEATURES: readonly Feature[] = FEATURES_BY_REGISTER.flatMap(({ features }) => features);
