// The kernel's ABI for KVM on x86-64: request numbers, capabilities, structure layouts. Nothing else lives
// here. Source: include/uapi/linux/kvm.h and arch/x86/include/uapi/asm/kvm.h.

const IOC_WRITE = 1;
const IOC_READ = 2;
const KVMIO = 0xae;

function ioc(direction: number, nr: number, size: number): number {
  // Unsigned: the direction bits reach bit 31.
  return direction * 2 ** 30 + size * 2 ** 16 + KVMIO * 2 ** 8 + nr;
}
const io = (nr: number) => ioc(0, nr, 0);
const ior = (nr: number, size: number) => ioc(IOC_READ, nr, size);
const iow = (nr: number, size: number) => ioc(IOC_WRITE, nr, size);
const iowr = (nr: number, size: number) => ioc(IOC_READ | IOC_WRITE, nr, size);

/** How many bytes the kernel copies for a request, as its number says; variable parts come on top. */
export function requestSize(request: number): number {
  return Math.floor(request / 2 ** 16) & 0x3fff;
}

/** KVM_MAX_CPUID_ENTRIES: a vCPU's table has no more. */
export const MOST_CPUID_ENTRIES = 256;

/** Sizes in bytes of the fixed structures, by name. */
export const SIZE = {
  regs: 144,
  sregs: 312,
  sregs2: 320,
  xsave: 4096,
  xcrs: 392,
  events: 64,
  debugregs: 128,
  lapic: 1024,
  mpState: 4,
  clock: 48,
  irqchip: 520,
  pit2: 112,
  msrsHeader: 8,
  msrEntry: 16,
  cpuidHeader: 8,
  cpuidEntry: 40,
  nestedHeader: 128,
  memoryRegion: 32,
  dirtyLog: 16,
  clearDirtyLog: 24,
} as const;

/** ioctls on /dev/kvm, on a VM and on a vCPU, by their names in the kernel. */
export const KVM = {
  // /dev/kvm
  GET_API_VERSION: io(0x00),
  CREATE_VM: io(0x01),
  GET_MSR_INDEX_LIST: iowr(0x02, 4),
  CHECK_EXTENSION: io(0x03),
  GET_VCPU_MMAP_SIZE: io(0x04),
  GET_SUPPORTED_CPUID: iowr(0x05, SIZE.cpuidHeader),
  GET_MSR_FEATURE_INDEX_LIST: iowr(0x0a, 4),
  // VM
  CREATE_VCPU: io(0x41),
  GET_DIRTY_LOG: iow(0x42, SIZE.dirtyLog),
  SET_USER_MEMORY_REGION: iow(0x46, SIZE.memoryRegion),
  SET_TSS_ADDR: io(0x47),
  SET_IDENTITY_MAP_ADDR: iow(0x48, 8),
  CREATE_IRQCHIP: io(0x60),
  IRQ_LINE: iow(0x61, 8),
  GET_IRQCHIP: iowr(0x62, SIZE.irqchip),
  SET_IRQCHIP: ior(0x63, SIZE.irqchip),
  CREATE_PIT2: iow(0x77, 64),
  SET_CLOCK: iow(0x7b, SIZE.clock),
  GET_CLOCK: ior(0x7c, SIZE.clock),
  GET_PIT2: ior(0x9f, SIZE.pit2),
  SET_PIT2: iow(0xa0, SIZE.pit2),
  ENABLE_CAP: iow(0xa3, 104),
  CLEAR_DIRTY_LOG: iowr(0xc0, SIZE.clearDirtyLog),
  // vCPU
  RUN: io(0x80),
  GET_REGS: ior(0x81, SIZE.regs),
  SET_REGS: iow(0x82, SIZE.regs),
  GET_SREGS: ior(0x83, SIZE.sregs),
  SET_SREGS: iow(0x84, SIZE.sregs),
  GET_MSRS: iowr(0x88, SIZE.msrsHeader),
  SET_MSRS: iow(0x89, SIZE.msrsHeader),
  GET_LAPIC: ior(0x8e, SIZE.lapic),
  SET_LAPIC: iow(0x8f, SIZE.lapic),
  SET_CPUID2: iow(0x90, SIZE.cpuidHeader),
  GET_CPUID2: iowr(0x91, SIZE.cpuidHeader),
  GET_MP_STATE: ior(0x98, SIZE.mpState),
  SET_MP_STATE: iow(0x99, SIZE.mpState),
  GET_VCPU_EVENTS: ior(0x9f, SIZE.events),
  SET_VCPU_EVENTS: iow(0xa0, SIZE.events),
  GET_DEBUGREGS: ior(0xa1, SIZE.debugregs),
  SET_DEBUGREGS: iow(0xa2, SIZE.debugregs),
  SET_TSC_KHZ: io(0xa2),
  GET_TSC_KHZ: io(0xa3),
  GET_XSAVE: ior(0xa4, SIZE.xsave),
  SET_XSAVE: iow(0xa5, SIZE.xsave),
  GET_XCRS: ior(0xa6, SIZE.xcrs),
  SET_XCRS: iow(0xa7, SIZE.xcrs),
  GET_NESTED_STATE: iowr(0xbe, SIZE.nestedHeader),
  SET_NESTED_STATE: iow(0xbf, SIZE.nestedHeader),
  GET_SREGS2: ior(0xcc, SIZE.sregs2),
  KVMCLOCK_CTRL: io(0xad),
  SET_SREGS2: iow(0xcd, SIZE.sregs2),
  GET_XSAVE2: ior(0xcf, SIZE.xsave),
} as const;

const REQUEST_NAMES = new Map<number, string>(
  Object.entries(KVM).map(([name, number]) => [number, `KVM_${name}`]),
);

/** "KVM_GET_REGS" for its number. */
export function requestName(request: number): string {
  return REQUEST_NAMES.get(request) ?? `ioctl 0x${request.toString(16)}`;
}

/** Capabilities, by their names in the kernel, for KVM_CHECK_EXTENSION. */
export const CAP = {
  IRQCHIP: 0,
  USER_MEMORY: 3,
  SET_TSS_ADDR: 4,
  NR_VCPUS: 9,
  MP_STATE: 14,
  PIT2: 33,
  DEBUGREGS: 50,
  XSAVE: 55,
  XCRS: 56,
  TSC_CONTROL: 60,
  MAX_VCPUS: 66,
  TSC_DEADLINE_TIMER: 72,
  X86_SMM: 117,
  IMMEDIATE_EXIT: 136,
  GET_MSR_FEATURES: 153,
  NESTED_STATE: 157,
  HYPERV_ENLIGHTENED_VMCS: 163,
  EXCEPTION_PAYLOAD: 164,
  MANUAL_DIRTY_LOG_PROTECT2: 168,
  SREGS2: 200,
  XSAVE2: 208,
  DISABLE_QUIRKS2: 213,
  TRIPLE_FAULT_EVENT: 218,
} as const;

export type CapName = keyof typeof CAP;

/** struct kvm_userspace_memory_region: byte offsets. */
export const MEMORY_REGION_LAYOUT = { slot: 0, flags: 4, gpa: 8, bytes: 16, address: 24 } as const;

/** KVM_MEM_*: flags of a memory region. */
export const MEMORY_REGION_FLAGS = { LOG_DIRTY_PAGES: 1, READONLY: 2 } as const;

/** struct kvm_dirty_log: byte offsets. The bitmap is an address in this process. */
export const DIRTY_LOG_LAYOUT = { slot: 0, bitmap: 8 } as const;

/** struct kvm_clear_dirty_log: byte offsets. The first page is a multiple of 64; so is the count, but at the region's end. */
export const CLEAR_DIRTY_LOG_LAYOUT = { slot: 0, pages: 4, firstPage: 8, bitmap: 16 } as const;

/** struct kvm_run: byte offsets of what is used. The union of exits begins at 32. */
export const KVM_RUN_LAYOUT = {
  immediateExit: 1, // u8
  exitReason: 8, // u32
  ioDirection: 32, // u8: 0 in, 1 out
  ioSize: 33, // u8, bytes a datum
  ioPort: 34, // u16
  ioCount: 36, // u32
  ioDataOffset: 40, // u64, from the start of kvm_run
  mmioAddress: 32, // u64
  mmioData: 40, // u8[8]
  mmioLength: 48, // u32
  mmioIsWrite: 52, // u8
  hardwareEntryFailureReason: 32, // u64
  suberror: 32, // u32
  ndata: 36, // u32
  internalData: 40, // u64[16]
  systemEventType: 32, // u32
} as const;

/** KVM_EXIT_*, by number. */
export const EXIT = {
  UNKNOWN: 0,
  EXCEPTION: 1,
  IO: 2,
  HYPERCALL: 3,
  DEBUG: 4,
  HLT: 5,
  MMIO: 6,
  IRQ_WINDOW_OPEN: 7,
  SHUTDOWN: 8,
  FAIL_ENTRY: 9,
  INTR: 10,
  SET_TPR: 11,
  TPR_ACCESS: 12,
  INTERNAL_ERROR: 17,
  SYSTEM_EVENT: 24,
  IOAPIC_EOI: 26,
  HYPERV: 27,
  X86_RDMSR: 29,
  X86_WRMSR: 30,
  DIRTY_RING_FULL: 31,
  X86_BUS_LOCK: 33,
  NOTIFY: 37,
} as const;

const EXIT_NAMES = new Map<number, string>(Object.entries(EXIT).map(([name, number]) => [number, name]));

/** "HLT" for 5. */
export function exitName(reason: number): string {
  return EXIT_NAMES.get(reason) ?? `EXIT_${reason}`;
}

/** KVM_INTERNAL_ERROR_*, by number. */
export const INTERNAL_ERROR_NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'EMULATION'],
  [2, 'SIMUL_EX'],
  [3, 'DELIVERY_EV'],
  [4, 'UNEXPECTED_EXIT_REASON'],
]);

/** struct kvm_regs: byte offsets of what is used. */
export const REGS_LAYOUT = { rcx: 16 } as const;

/** struct kvm_sregs and kvm_sregs2: byte offsets of what is used. */
export const SREGS_LAYOUT = {
  cr0: 224,
  cr2: 232,
  cr3: 240,
  cr4: 248,
  cr8: 256,
  efer: 264,
  apicBase: 272,
} as const;

/** struct kvm_vcpu_events: byte offsets of what is used. */
export const EVENTS_LAYOUT = {
  exceptionInjected: 0,
  exceptionNr: 1,
  exceptionPending: 3,
  flags: 20, // u32
  smm: 24,
  payload: 56,
} as const;

/** KVM_MP_STATE_*. */
export const MP_STATE = {
  RUNNABLE: 0,
  UNINITIALIZED: 1,
  INIT_RECEIVED: 2,
  HALTED: 3,
  SIPI_RECEIVED: 4,
} as const;

/** struct kvm_cpuid_entry2: byte offsets within an entry. */
export const CPUID_ENTRY = { function: 0, index: 4, flags: 8, eax: 12, ebx: 16, ecx: 20, edx: 24 } as const;

/** Model-specific registers with a part in an order or a rule. */
export const MSR = {
  IA32_TSC: 0x10,
  IA32_FEATURE_CONTROL: 0x3a,
  IA32_PERF_CAPABILITIES: 0x345,
  IA32_TSC_DEADLINE: 0x6e0,
  VMX_FIRST: 0x480,
  VMX_LAST: 0x491,
  KVM_ASYNC_PF_INT: 0x4b564d06,
} as const;
