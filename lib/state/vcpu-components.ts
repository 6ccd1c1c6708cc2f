// Everything that a vCPU holds, part by part, and the two orders in which the parts are taken and given. Read the
// tables; the loops below them are short. The orders and their reasons are QEMU's (kvm_arch_get_registers,
// kvm_arch_put_registers) and the kernel selftests' (state_test), joined where each knows what the other does not.

import { type CapName, EVENTS_LAYOUT, KVM, MSR, SIZE } from '../kvm/abi.js';
import { cpuidTable, getCpuidStep } from '../kvm/cpuid.js';
import { isVmxCapability, msrGroups, readMsrsStep, writeMsrsStep } from '../kvm/msrs.js';
import { UnexpectedReturn } from '../kvm/port.js';
import { doStep, doSteps, type SeriesStep, type Step } from '../kvm/steps.js';
import { getNestedStep, leaveNestedStep, setNestedStep } from './nested-access.js';
import type { KernelVcpu, StateVcpu, VcpuShape } from './state-vcpu.js';

/** The parts, by the names that the API gives them. */
export type ComponentName =
  | 'cpuid'
  | 'tscKhz'
  | 'sregs2'
  | 'sregs'
  | 'xsave'
  | 'xcrs'
  | 'msrs'
  | 'lapic'
  | 'events'
  | 'mpState'
  | 'debugregs'
  | 'regs'
  | 'nested';

/** The bytes of each part that the vCPU has. */
export type VcpuSnapshot = Readonly<Partial<Record<ComponentName, Buffer>>>;

const has = (shape: VcpuShape, cap: CapName): boolean => (shape.capabilities.get(cap) ?? 0) > 0;

/** One ioctl that fills a buffer. */
function got(request: number, bytes: number): SeriesStep<Buffer> {
  // Out of a slab where it is small: a dozen allocations of their own are a tenth of the time that a capture takes.
  const buffer = Buffer.allocUnsafe(bytes).fill(0);
  return { calls: [{ request, argument: buffer }], done: () => buffer };
}

/** One ioctl that takes a buffer. */
const given = (request: number, bytes: Buffer): SeriesStep<void> => ({
  calls: [{ request, argument: bytes }],
  done: () => undefined,
});

function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

/** KVM_CAP_XSAVE2 answers the size of the vCPU's xsave area, 4096 or more; 0 on kernels before 5.17. */
export const xsaveBytes = ({ capabilities }: Pick<VcpuShape, 'capabilities'>): number =>
  Math.max(capabilities.get('XSAVE2') ?? 0, SIZE.xsave);

interface Component {
  /** Whether such a vCPU has the part. */
  present(shape: VcpuShape): boolean;
  /** Its size in bytes; undefined where it varies. */
  size(shape: VcpuShape): number | undefined;
  get(vcpu: KernelVcpu): SeriesStep<Buffer>;
  set(vcpu: KernelVcpu, bytes: Buffer): Step<void>;
}

function fixed(get: number, set: number, bytes: number, present: (shape: VcpuShape) => boolean): Component {
  return {
    present,
    size: () => bytes,
    get: () => got(get, bytes),
    set: (_vcpu, value) => given(set, value),
  };
}

const always = () => true;

/** Each part but the nested state, which has a module of its own: whether there, how large, got how, set how. */
export const COMPONENTS: Readonly<Record<Exclude<ComponentName, 'nested'>, Component>> = {
  cpuid: {
    present: always,
    size: () => undefined,
    get: ({ port }) => getCpuidStep(port),
    set: (_vcpu, bytes) => given(KVM.SET_CPUID2, cpuidTable(bytes)),
  },
  tscKhz: {
    present: always,
    size: () => 4,
    get: ({ shape }) => ({
      calls: has(shape, 'TSC_CONTROL') ? [{ request: KVM.GET_TSC_KHZ, argument: 0 }] : [],
      done: ([khz = 0]) => u32(khz),
    }),
    // Where it is the wanted rate already, asking is all.
    set: ({ port, shape }, bytes) => {
      const wanted = bytes.readUInt32LE(0);
      const calls =
        wanted !== 0 && has(shape, 'TSC_CONTROL')
          ? [{ request: KVM.GET_TSC_KHZ, argument: 0, answer: wanted }]
          : [];
      return {
        calls,
        done: () => undefined,
        otherwise: (failure) => {
          if (!(failure instanceof UnexpectedReturn)) throw failure;
          port.ioctl(KVM.SET_TSC_KHZ, wanted);
        },
      };
    },
  },
  sregs2: fixed(KVM.GET_SREGS2, KVM.SET_SREGS2, SIZE.sregs2, (shape) => has(shape, 'SREGS2')),
  sregs: fixed(KVM.GET_SREGS, KVM.SET_SREGS, SIZE.sregs, (shape) => !has(shape, 'SREGS2')),
  xsave: {
    present: always,
    size: xsaveBytes,
    get: ({ shape }) => got(has(shape, 'XSAVE2') ? KVM.GET_XSAVE2 : KVM.GET_XSAVE, xsaveBytes(shape)),
    set: (_vcpu, bytes) => given(KVM.SET_XSAVE, bytes),
  },
  xcrs: fixed(KVM.GET_XCRS, KVM.SET_XCRS, SIZE.xcrs, (shape) => has(shape, 'XCRS')),
  msrs: {
    present: always,
    size: () => undefined,
    get: ({ port, shape }) => readMsrsStep(port, shape.msrIndices),
    set: ({ port }, bytes) => writeMsrsStep(port, bytes),
  },
  lapic: fixed(KVM.GET_LAPIC, KVM.SET_LAPIC, SIZE.lapic, (shape) => shape.irqchip),
  events: fixed(KVM.GET_VCPU_EVENTS, KVM.SET_VCPU_EVENTS, SIZE.events, always),
  mpState: fixed(KVM.GET_MP_STATE, KVM.SET_MP_STATE, SIZE.mpState, always),
  debugregs: fixed(KVM.GET_DEBUGREGS, KVM.SET_DEBUGREGS, SIZE.debugregs, (shape) => has(shape, 'DEBUGREGS')),
  regs: fixed(KVM.GET_REGS, KVM.SET_REGS, SIZE.regs, always),
};

/**
 * In which of the steps that give MSRs one is given. FEATURE_CONTROL and the VMX capabilities must be there before VMX
 * operation: KVM answers EBUSY to them afterwards (vmx_set_vmx_msr).
 */
type MsrGroup = 'featureControl' | 'vmxCapabilities' | 'tscDeadline' | 'others';

function msrGroup(index: number): MsrGroup {
  if (index === MSR.IA32_FEATURE_CONTROL) return 'featureControl';
  if (isVmxCapability(index)) return 'vmxCapabilities';
  return index === MSR.IA32_TSC_DEADLINE ? 'tscDeadline' : 'others';
}

/** The order in which a stopped vCPU's parts are taken, each with its reason. */
export const CAPTURE_ORDER: ReadonlyArray<readonly [part: ComponentName, reason: string]> = [
  [
    'events',
    'first: reading it folds latched NMIs and SMIs in, before anything that depends on them is read',
  ],
  ['mpState', 'before regs and sregs: reading it takes a pending INIT or SIPI, which changes CS and RIP'],
  ['regs', 'general registers; those of L2 where the vCPU is in L2'],
  ['xsave', 'FPU and vector registers'],
  ['xcrs', 'XCR0'],
  ['sregs2', 'segments, control registers, EFER, APIC base, and the PDPTRs, which sregs lacks'],
  ['sregs', 'the same without PDPTRs, on kernels before 5.14'],
  ['msrs', 'after mp_state and events, which can change some; TSC as late as can be'],
  ['lapic', 'with no vCPU running, interrupts no longer move between it and events'],
  ['debugregs', 'DR0-DR3, DR6, DR7'],
  ['nested', 'last: its reading syncs vmcb12 or vmcs12 from what the CPU used, and depends on nothing later'],
  ['tscKhz', 'a constant of the vCPU'],
  ['cpuid', 'a constant of the vCPU; bits such as OSXSAVE follow CR4 and are read after it'],
];

export type RestoreStep =
  | ComponentName
  | 'pendingAccess'
  | 'leaveNested'
  | 'leaveSmm'
  | 'vmxPrerequisites'
  | 'tscDeadline';

/**
 * The order in which a vCPU is given its parts, each with its reason. Steps that end what it held before are not for one that
 * holds what it held when it was new: it is out of L2, VMX operation and SMM, and no access of its is half done.
 */
export const RESTORE_ORDER: ReadonlyArray<
  readonly [step: RestoreStep, reason: string, endsFormer?: 'ends the former state']
> = [
  [
    'pendingAccess',
    'the second half of an IN, OUT or MMIO access that stopped the vCPU is ended: KVM would do it on top of the new state, at the next KVM_RUN',
    'ends the former state',
  ],
  [
    'vmxPrerequisites',
    'FEATURE_CONTROL first: KVM refuses the VMX capability MSRs and CR4.VMXE=0 in VMX operation, and writing 0 leaves it',
    'ends the former state',
  ],
  [
    'leaveNested',
    'so that what follows is L1 state on a vCPU out of L2, whatever it held before',
    'ends the former state',
  ],
  [
    'leaveSmm',
    'before sregs: KVM refuses CR4.VMXE to a vCPU in SMM (vmx_is_valid_cr4), which it is of what it held before',
    'ends the former state',
  ],
  ['cpuid', 'decides which bits of everything below are legal'],
  ['tscKhz', 'before the TSC itself, whose scale it is'],
  ['vmxPrerequisites', 'all, now out of VMX operation: VMX capability MSRs are EBUSY from VMXON on'],
  [
    'sregs2',
    'before nested: EFER.SVME must be set there, CR0 and CR4 are checked there; APIC base before lapic',
  ],
  ['sregs', 'as sregs2'],
  ['xcrs', 'before xsave, whose components it enables'],
  ['xsave', 'FPU and vector registers'],
  ['msrs', 'after sregs: some check EFER and CR4; VM_HSAVE_PA before nested'],
  [
    'lapic',
    'after the APIC base of sregs and before events, which may hold an interrupt it already acknowledged',
  ],
  [
    'regs',
    "before events: KVM_SET_REGS drops a pending exception; before nested: on SVM entering L2 copies vmcb01's save area, RFLAGS, RSP and RAX among it, into vmcb02",
  ],
  ['events', 'before nested: a change of SMM makes KVM leave L2 (kvm_leave_nested)'],
  ['mpState', 'after lapic: the kernel refuses some states without one'],
  ['debugregs', 'DR0-DR3, DR6, DR7'],
  [
    'nested',
    'last of what decides where the vCPU is: all that it is checked against stands, and RAM is there',
  ],
  ['tscDeadline', 'after lapic and TSC: it arms a timer that the LAPIC mode and the TSC give a meaning'],
];

/** One part alone. */
export const readPart = (vcpu: KernelVcpu, name: Exclude<ComponentName, 'nested'>): Buffer =>
  doStep(vcpu.port, COMPONENTS[name].get(vcpu));

export const givePart = (vcpu: KernelVcpu, name: Exclude<ComponentName, 'nested'>, bytes: Buffer): void =>
  doStep(vcpu.port, COMPONENTS[name].set(vcpu, bytes));

/** Takes every part, in CAPTURE_ORDER. The vCPU must be out of KVM_RUN, with pending I/O completed. */
export function captureVcpu(vcpu: KernelVcpu): VcpuSnapshot {
  const { shape } = vcpu;
  const parts = CAPTURE_ORDER.map(([name]) => name).filter((name) =>
    name === 'nested' ? shape.nested !== undefined : COMPONENTS[name].present(shape),
  );
  const steps = parts.map((name) => (name === 'nested' ? getNestedStep(vcpu) : COMPONENTS[name].get(vcpu)));
  const snapshot: Partial<Record<ComponentName, Buffer>> = {};
  doSteps(vcpu.port, steps, (outcome, at) => {
    if ('error' in outcome) throw outcome.error;
    snapshot[parts[at] as ComponentName] = outcome.value;
  });
  return snapshot;
}

/** Which step failed, and with what. */
export class RestoreFailed extends Error {
  readonly step: RestoreStep;
  constructor(step: RestoreStep, cause: unknown) {
    super(`${step}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'RestoreFailed';
    this.step = step;
  }
}

/**
 * Gives every part that the snapshot has, in RESTORE_ORDER. A step that fails is told to onFailure, which throws to stop
 * (failAtOnce) or notes it and lets the others go on (the way back: as much as can be is given). `holds`: what the vCPU
 * holds as yet.
 */
export function restoreVcpu(
  vcpu: StateVcpu,
  snapshot: VcpuSnapshot,
  onFailure: (failure: RestoreFailed) => void,
  holds: 'anything' | 'what it held when it was new' = 'anything',
): void {
  const rows = RESTORE_ORDER.filter(([, , endsFormer]) => endsFormer === undefined || holds === 'anything');
  const msrsOf = msrGroups(snapshot.msrs ?? Buffer.alloc(0), msrGroup);
  const steps = rows.map(([step, , endsFormer]) => restoreStep(vcpu, snapshot, step, endsFormer, msrsOf));
  doSteps(vcpu.port, steps, (outcome, at) => {
    if ('error' in outcome)
      onFailure(new RestoreFailed((rows[at] as (typeof rows)[number])[0], outcome.error));
  });
}

const NOTHING: SeriesStep<void> = { calls: [], done: () => undefined };

function restoreStep(
  vcpu: StateVcpu,
  snapshot: VcpuSnapshot,
  step: RestoreStep,
  endsFormer: 'ends the former state' | undefined,
  msrsOf: (group: MsrGroup) => Buffer,
): Step<void> {
  const { port, shape } = vcpu;
  switch (step) {
    case 'pendingAccess':
      return { directly: () => vcpu.dropPendingAccess() };
    case 'leaveNested':
      return shape.nested === undefined ? NOTHING : leaveNestedStep(vcpu);
    case 'leaveSmm':
      return { directly: () => leaveSmm(vcpu) };
    case 'vmxPrerequisites': {
      // The first time only FEATURE_CONTROL: the capability MSRs would be refused in VMX operation.
      const groups: MsrGroup[] =
        endsFormer === undefined ? ['featureControl', 'vmxCapabilities'] : ['featureControl'];
      return writeMsrsStep(port, Buffer.concat(groups.map(msrsOf)));
    }
    case 'msrs':
      return writeMsrsStep(port, msrsOf('others'));
    case 'tscDeadline':
      return writeMsrsStep(port, msrsOf('tscDeadline'));
    case 'nested':
      return snapshot.nested === undefined ? NOTHING : setNestedStep(vcpu, snapshot.nested);
    default: {
      const bytes = snapshot[step];
      return bytes === undefined ? NOTHING : COMPONENTS[step].set(vcpu, bytes);
    }
  }
}

/** Out of SMM, with all other events as they are; a vCPU that isn't in it is left alone. */
function leaveSmm(vcpu: KernelVcpu): void {
  const events = readPart(vcpu, 'events');
  if (events[EVENTS_LAYOUT.smm] !== 1) return;
  events.writeUInt8(0, EVENTS_LAYOUT.smm);
  givePart(vcpu, 'events', events);
}

/** Stops at the first step that fails: for a set, whose way back is then taken. */
export function failAtOnce(failure: RestoreFailed): never {
  throw failure;
}

/** Names of parts whose size is not what this vCPU gives: they would be read past their end, or refused. */
export function missizedParts(
  shape: VcpuShape,
  snapshot: VcpuSnapshot,
): Array<{ part: ComponentName; expected: string }> {
  const wrong: Array<{ part: ComponentName; expected: string }> = [];
  for (const name of Object.keys(COMPONENTS) as Array<keyof typeof COMPONENTS>) {
    const bytes = snapshot[name];
    const component = COMPONENTS[name];
    const present = component.present(shape);
    if (!present || bytes === undefined) {
      if (present !== (bytes !== undefined))
        wrong.push({ part: name, expected: present ? 'present' : 'absent' });
      continue;
    }
    const size = component.size(shape);
    if (size !== undefined && bytes.length !== size) wrong.push({ part: name, expected: `${size} bytes` });
  }
  if (snapshot.msrs !== undefined && snapshot.msrs.length % SIZE.msrEntry !== 0) {
    wrong.push({ part: 'msrs', expected: `a multiple of ${SIZE.msrEntry} bytes` });
  }
  if (snapshot.cpuid !== undefined && snapshot.cpuid.length % SIZE.cpuidEntry !== 0) {
    wrong.push({ part: 'cpuid', expected: `a multiple of ${SIZE.cpuidEntry} bytes` });
  }
  return wrong;
}
