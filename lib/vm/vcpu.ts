// One vCPU of an owned VM: its descriptor, its thread, what it held when it was new, and whether it ended by
// itself. Changes of its state are the Vm's to order (see vm.ts); here they are done.

import { VcpudError } from '../errors/vcpud-error.js';
import { KVM, MP_STATE } from '../kvm/abi.js';
import { forOperatingSystem, setCpuid, withApicId } from '../kvm/cpuid.js';
import { msrsOfVcpu } from '../kvm/msrs.js';
import type { IoctlPort, VcpuPort, VcpuRun, VmPort } from '../kvm/port.js';
import { KernelError } from '../os/kernel-error.js';
import { bufferBytes, getNested, nestedNotSupported, prepareGet, takeGot } from '../state/nested-access.js';
import type { StateVcpu, VcpuShape } from '../state/state-vcpu.js';
import { captureVcpu, type VcpuSnapshot } from '../state/vcpu-components.js';
import type { GuestMemory } from './guest-memory.js';
import type { HostProfile } from './host.js';
import { type RunnerEvents, VcpuRunner } from './vcpu-runner.js';
import type { ParkReason } from './vcpu-thread-protocol.js';

/** A nested state as it was taken. */
export interface NestedCapture {
  readonly bytes: Buffer;
  /** For how long a running vCPU was out of the guest for it, ms; 0 for one that didn't run. */
  readonly outMs: number;
  /** Date.now() right after. */
  readonly time: number;
}

export class Vcpu implements StateVcpu {
  readonly index: number;
  readonly port: VcpuPort;
  readonly shape: VcpuShape;
  /** What the vCPU held when it was new: power-on state, as this kernel makes it. Reset gives it back. */
  readonly powerOn: VcpuSnapshot;
  /** Whether it holds what it held when it was new, or what isAsNew is true of; of meaning while it was never run. */
  asNew = true;
  /** Why it ended by itself; undefined while it can run. */
  ended: Exclude<ParkReason, { kind: 'asked' }> | undefined;
  /** Absent where the driver runs no guests. */
  private readonly runner: VcpuRunner | undefined;
  private readonly memory: GuestMemory;
  /** Whether its guest may use KVM's clock. */
  private readonly mayHaveKvmclock: boolean;
  private getting: Promise<NestedCapture> | undefined;
  private getQueued: Promise<NestedCapture> | undefined;
  private closed = false;

  private constructor(
    index: number,
    port: VcpuPort,
    shape: VcpuShape,
    powerOn: VcpuSnapshot,
    runner: VcpuRunner | undefined,
    memory: GuestMemory,
    mayHaveKvmclock: boolean,
  ) {
    this.index = index;
    this.memory = memory;
    this.mayHaveKvmclock = mayHaveKvmclock;
    this.port = port;
    this.shape = shape;
    this.powerOn = powerOn;
    this.runner = runner;
  }

  /** Makes vCPU `index` of a VM, with the host's CPUID, parked at power-on state. */
  static async create(
    vm: VmPort,
    index: number,
    host: HostProfile,
    irqchip: boolean,
    capabilities: HostProfile['capabilities'],
    memory: GuestMemory,
    pc: SharedArrayBuffer | undefined,
    events: Omit<RunnerEvents, 'parkedByItself'> & { ended(vcpu: Vcpu): void },
  ): Promise<Vcpu> {
    const port = vm.createVcpu(index);
    try {
      const cpuid = withApicId(host.supportedCpuid, index);
      const tscDeadlineTimer = (capabilities.get('TSC_DEADLINE_TIMER') ?? 0) > 0;
      setCpuid(port, pc === undefined ? cpuid : forOperatingSystem(cpuid, tscDeadlineTimer));
      const { format, maxBytes } = host.nested;
      const shape: VcpuShape = {
        capabilities,
        irqchip,
        msrIndices: msrsOfVcpu(host.msrIndices, irqchip),
        nested: format === undefined ? undefined : { format, maxBytes },
      };
      const powerOn = captureVcpu({ port, shape });
      let vcpu: Vcpu | undefined;
      const startRunner = (run: VcpuRun) =>
        VcpuRunner.start(
          { vcpuFd: run.fd, vmFd: run.vmFd, runAddress: run.address, runLength: run.length, pc },
          bufferBytes(maxBytes),
          (request, buffer) => port.ioctl(request, buffer),
          {
            ...events,
            parkedByItself: (reason) => {
              if (vcpu === undefined || reason.kind === 'asked') return;
              vcpu.ended = reason;
              events.ended(vcpu);
            },
          },
        );
      const runner = port.run === undefined ? undefined : await startRunner(port.run);
      vcpu = new Vcpu(index, port, shape, powerOn, runner, memory, pc !== undefined);
      return vcpu;
    } catch (error) {
      port.close();
      throw error;
    }
  }

  get entries(): number {
    return this.runner?.entries ?? 0;
  }

  get lastExit(): string {
    return this.runner?.lastExit ?? '';
  }

  /** Output of this VM was taken: its thread may have waited for that. */
  outputTaken(): void {
    this.runner?.outputTaken();
  }

  get isParked(): boolean {
    return this.runner?.isParked ?? true;
  }

  /** Lets it run, unless it ended by itself. */
  resume(): void {
    if (this.ended !== undefined) return;
    if (this.mayHaveKvmclock) tellStopped(this.port);
    this.runner?.resume();
  }

  /** Brings it out of the guest. */
  async park(): Promise<void> {
    await this.runner?.park();
  }

  readGuest(gpa: bigint, bytes: number): Uint8Array | undefined {
    return this.memory.readNow(gpa, bytes);
  }

  /** Ends what its last exit left half done; it must be parked, and be given another state next. */
  dropPendingAccess(): void {
    this.runner?.dropPendingAccess();
  }

  /** Everything it holds; it must be parked. Without a LAPIC, being halted is vcpud's own knowledge: it travels as mp_state. */
  capture(): VcpuSnapshot {
    const snapshot = captureVcpu(this);
    if (this.ended?.kind !== 'halted') return snapshot;
    const mpState = Buffer.alloc(4);
    mpState.writeUInt32LE(MP_STATE.HALTED);
    return { ...snapshot, mpState };
  }

  /**
   * The nested state, of a running vCPU too. Calls that come while one is under way share the next one: each gets a
   * state from after it asked, and a vCPU is kicked no more often than it can answer.
   */
  getNested(): Promise<NestedCapture> {
    if (this.shape.nested === undefined) return Promise.reject(nestedNotSupported());
    if (this.getting === undefined) {
      this.getting = this.getNestedNow().finally(() => {
        this.getting = undefined;
      });
      return this.getting;
    }
    this.getQueued ??= this.getting
      .catch(() => undefined)
      .then(() => {
        this.getQueued = undefined;
        return this.getNested();
      });
    return this.getQueued;
  }

  private async getNestedNow(): Promise<NestedCapture> {
    if (this.closed) throw deleted();
    const runner = this.runner;
    if (runner === undefined || runner.isParked)
      return { bytes: getNested(this), outMs: 0, time: Date.now() };
    prepareGet(runner.programBuffer);
    const { value, outMs } = await runner.program(KVM.GET_NESTED_STATE).catch((error: unknown) => {
      throw this.closed ? deleted() : error;
    });
    if (value !== 0) throw new Error(`KVM_GET_NESTED_STATE answered ${value}`);
    return { bytes: takeGot(runner.programBuffer), outMs, time: Date.now() };
  }

  /** Ends its thread and frees all it has. */
  async close(): Promise<void> {
    this.closed = true;
    await this.runner?.quit();
    this.port.close();
  }
}

/** Has KVM's clock say to the guest that it stood still, for watchdogs that would take it for a CPU that hangs. */
function tellStopped(port: IoctlPort): void {
  try {
    port.ioctl(KVM.KVMCLOCK_CTRL, 0);
  } catch (error) {
    // EINVAL: this vCPU has not set up the clock.
    if (!(error instanceof KernelError && error.code === 'EINVAL')) throw error;
  }
}

export function deleted(): VcpudError {
  return VcpudError.of('VM_DELETED', 'the VM was deleted while the call was under way');
}
