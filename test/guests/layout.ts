// Where both L1s keep what, and what they say: the contract at the head of l1/numbers.S, for the host's side. Tests
// and the demo place the ROM, write the parameter block and read the counters with these numbers.

/** GPA of the ROM (l1.bin). The reset vector, 0xffff_fff0, is in its last 16 bytes. */
export const ROM_GPA = 0xffff_0000n;

/** Bytes of the ROM. The guest never writes them, so the memory slot may be read-only. */
export const ROM_BYTES = 0x1_0000;

/** Most vCPUs that the guest serves. A vCPU's number is its initial APIC id, CPUID 1 EBX[31:24]. */
export const MAX_VCPUS = 64;

/** GPA of the parameter block: written by the host, only read by the guest. */
export const PARAMETERS_GPA = 0x1000n;

/** Offsets in the parameter block, in bytes; little-endian. */
export const PARAMETER = {
  /** u32, one of PAGING. */
  paging: 0x00,
  /** u32, the number of one of SCENES. */
  scene: 0x04,
  /** u64, increments of l2_count between two hypercalls; 0 stands for 65536, and for 64 in SCENES.pageFault. */
  increments: 0x08,
  /** u64, hypercalls between two lines on the console; 0 stands for 8. */
  report: 0x10,
  /** u64, holds the guest at its scene's gate while it is not 0. Polled, so it may be written at any time. */
  gate: 0x18,
} as const;

/** Bytes of the parameter block. */
export const PARAMETERS_BYTES = 0x20;

/** How L2's memory is mapped: PARAMETER.paging. */
export const PAGING = {
  /** L2 runs with nested paging: the VMCB's NP_ENABLE, or the VMCS's enable-EPT control, is 1. */
  nested: 0,
  /** L2's page tables hold L1's physical addresses. */
  withoutNested: 1,
} as const;

/** GPA of vCPU 0's area. The areas follow one another. */
export const AREA_GPA = 0x20_0000n;

/** Bytes of one vCPU's area. */
export const AREA_BYTES = 0x2_0000n;

/** Offsets in a vCPU's area, in bytes. All are u64 and, except `starts`, cleared at each start. */
export const COUNTER = {
  /** Increments, made by L2 itself. */
  l2Count: 0x00,
  /** Hypercalls, VMMCALLs or VMCALLs, that L1 has handled. */
  l1Count: 0x08,
  /** Interrupts that L2 has taken: 1 in SCENES.virtualInterrupt, else 0. */
  l2IrqCount: 0x10,
  /** Page faults that L2 has taken. */
  l2PfCount: 0x18,
  /** Rounds of L1 at the gate, or in SCENES.withoutL2. */
  l1Spin: 0x20,
  /** Rounds of L2 at the gate. */
  l2Spin: 0x28,
  /** Times that the vCPU has come from its reset vector. Never cleared. */
  starts: 0x30,
  /** Of L2's last exit to L1: EXITCODE, or the exit reason. */
  exitCode: 0x38,
  /** Of the same: EXITINFO1, or the exit qualification. */
  exitInfo1: 0x40,
  /** Of the same: EXITINFO2, or the VM-exit interruption information. */
  exitInfo2: 0x48,
  /** VMX-preemption timers that have ended L2's run: SCENES.preemptionTimerExpiring. */
  l1TimerCount: 0x50,
} as const;

/** Bytes of the counters together. */
export const COUNTERS_BYTES = 0x58;

/** Offset of the three pages, in a vCPU's area, that hold what the vendor's instructions work on. */
export const STRUCTURES = 0xa000n;

/** First virtual address of L2. An RIP from here on is L2's; L1's RIPs are below 2^32. */
export const L2_BASE = 0xffff_8000_0000_0000n;

/** Vector of the interrupt in SCENES.virtualInterrupt. */
export const L2_INTERRUPT_VECTOR = 0x40;

/** First of the addresses that fault in SCENES.pageFault; the low 16 bits go up with each round. */
export const L2_UNMAPPED = L2_BASE + 0x20_0000n;

/** I/O port of the console, written by REP OUTSB: one KVM_EXIT_IO a byte. A line ends with "\n". */
export const CONSOLE_PORT = 0xe9;

/** I/O port that SCENES.unhandledPort writes. */
export const UNHANDLED_PORT = 0x510;

/** GPA that SCENES.unbackedRead reads. */
export const UNBACKED_GPA = 0xd000_0000n;

/** GPA of the area of vCPU `vcpu`, where its counters begin. */
export function areaGpa(vcpu: number): bigint {
  return AREA_GPA + BigInt(vcpu) * AREA_BYTES;
}

/**
 * Bytes of RAM, from GPA 0 on, that the guest needs for this many vCPUs.
 *
 * KVM allows a VM shadow pages for 2% of its RAM's pages, at least 64. That is too few for 64 vCPUs with
 * PAGING.nested in so little RAM (32 work): KVM_RUN then fails with ENOSPC. Give the VM 128 MiB, or
 * KVM_SET_NR_MMU_PAGES.
 */
export function ramBytes(vcpus: number): bigint {
  return areaGpa(vcpus);
}
