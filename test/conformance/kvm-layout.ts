// Of the kernel's structures in a VcpuState, what the suite reads or changes. Its own statement of the ABI
// (arch/x86/include/uapi/asm/kvm.h): nothing of the server's is believed, its layouts neither.

export type RegisterName = 'cr0' | 'cr3' | 'cr4' | 'efer';

/** struct kvm_sregs and kvm_sregs2: byte offsets of u64s. */
export const SREGS: Readonly<Record<RegisterName, number>> = { cr0: 224, cr3: 240, cr4: 248, efer: 264 };

/** struct kvm_vcpu_events: byte offsets. */
export const EVENTS = {
  exceptionNr: 1,
  exceptionPending: 3,
  sipiVector: 16,
  flags: 20,
  smm: 24,
  payload: 56,
} as const;

/** struct kvm_regs: byte offset of RIP. */
export const REGS_RIP = 128;

/** struct kvm_cpuid_entry2: bytes of an entry, and offsets within. */
export const CPUID = { bytes: 40, leaf: 0, index: 4, eax: 12, ebx: 16, ecx: 20, edx: 24 } as const;

/** struct kvm_msr_entry: bytes of an entry, and offsets within. */
export const MSR_ENTRY = { bytes: 16, index: 0, value: 8 } as const;

export const MSR = { IA32_FEATURE_CONTROL: 0x3a, VMX_FIRST: 0x480, VMX_LAST: 0x491 } as const;

/** MSRs that differ between two reads of a vCPU that did not run. */
export const COUNTING_MSRS: ReadonlySet<number> = new Set([
  0x10, // IA32_TSC
  0xe7, // IA32_MPERF
  0xe8, // IA32_APERF
  0x4000_0010, // HV_X64_MSR_VP_RUNTIME
  0x4000_0020, // HV_X64_MSR_TIME_REF_COUNT
]);

/** Bits of CPUID that the rules about nested state ask for, by the facts that tests name them by. */
export const CPUID_FACTS = {
  hasSvm: [0x8000_0001, 'ecx', 2],
  hasVmx: [0x1, 'ecx', 5],
  hasNpt: [0x8000_000a, 'edx', 0],
  hasLongMode: [0x8000_0001, 'edx', 29],
  hasNx: [0x8000_0001, 'edx', 20],
  hasFxsrOpt: [0x8000_0001, 'edx', 25],
  hasShstk: [0x7, 'ecx', 7],
  hasIbt: [0x7, 'edx', 20],
} as const satisfies Readonly<Record<string, readonly [number, 'ecx' | 'edx', number]>>;

export type CpuidFact = keyof typeof CPUID_FACTS;
