// One owned VM: memory, vCPUs, in-kernel devices, and what it is doing. Every change of its state goes through
// its mutex, one at a time in the order asked; the nested state of one vCPU can be taken beside them.

import { VcpudError } from '../errors/vcpud-error.js';
import { CAP, type CapName, KVM } from '../kvm/abi.js';
import type { IoctlPort, SystemPort, VmPort } from '../kvm/port.js';
import type { ByteRange } from '../nested/compare.js';
import type { VcpuFacts } from '../nested/rule.js';
import { KernelError } from '../os/kernel-error.js';
import { type Moment, moment } from '../os/monotonic-clock.js';
import { nestedNotSupported } from '../state/nested-access.js';
import {
  checkNestedStateFor,
  factsOf,
  type NestedRules,
  type NestedSet,
  rehearseNestedSet,
  setNestedState,
  setNestedStateUnchecked,
} from '../state/nested-set.js';
import { FORMER_STATE, putBack } from '../state/put-back.js';
import { isAsNew, requireRestorable, restoreFresh, restoreOrPutBack } from '../state/restore.js';
import { differences } from '../state/snapshot-compare.js';
import type { VcpuSnapshot } from '../state/vcpu-components.js';
import {
  captureDevices,
  type DeviceSnapshot,
  deviceDifferences,
  restoreDevices,
} from '../state/vm-components.js';
import { bootLinux, checkLinuxBoot, type LinuxBoot } from './boot/linux-boot.js';
import { DirtyLog } from './dirty-log.js';
import { checkRegions, GuestMemory, IDENTITY_MAP_GPA, type MemoryRegion, TSS_GPA } from './guest-memory.js';
import type { HostProfile } from './host.js';
import { HandOverFailed, MIGRATION_PHASES, type Migration, migrating, requireOurs } from './migration.js';
import { Mutex } from './mutex.js';
import { PcDevices, type PcSnapshot } from './pc/pc-devices.js';
import { deleted, type NestedCapture, Vcpu } from './vcpu.js';
import { resetVcpu } from './vcpu-reset.js';
import { ConsoleHistory, SERIAL, type VmEvent, type VmWatcher } from './vm-events.js';
import { type VcpuNeeds, vcpuNeeds } from './vm-needs.js';

export interface VmConfig {
  readonly id: string;
  readonly vcpuCount: number;
  readonly regions: readonly MemoryRegion[];
  readonly irqchip: boolean;
  readonly pit: boolean;
  /** A PC's serial port, clock and reset line; what else it would have reads as absent. */
  readonly pc: boolean;
  /** What to boot; undefined for a VM that begins at the reset vector, or is given a state. */
  readonly linuxBoot: LinuxBoot | undefined;
}

export type VmRunState = 'PAUSED' | 'RUNNING' | 'STOPPED';

export type VmStopReason =
  | 'HALTED'
  | 'RESET'
  | 'SHUTDOWN'
  | 'ENTRY_FAILED'
  | 'INTERNAL_ERROR'
  | 'UNSUPPORTED_EXIT'
  | 'RUN_FAILED';

export interface VmStop {
  readonly reason: VmStopReason;
  readonly vcpuIndex: number;
  readonly message: string;
}

/** Who asked: a change is not begun for one who went away while it waited its turn. Begun, it is finished. */
export interface Caller {
  gone(): boolean;
}

/** Everything that a VM holds beside its memory, from one stop. */
export interface VmSnapshot {
  readonly vcpus: readonly VcpuSnapshot[];
  readonly devices: DeviceSnapshot;
  /** Undefined for a VM without PC devices. */
  readonly pc: PcSnapshot | undefined;
}

/** What was taken, and for how long it kept the guest from running. */
export interface Captured<T> {
  readonly state: T;
  readonly outMs: number;
  readonly time: number;
}

/** For what is finished once it has begun, whoever asked. */
const NOBODY: Caller = { gone: () => false };

/** Capabilities that vcpud switches on for every VM, each with its reason. */
const ENABLED_CAPS: ReadonlyArray<readonly [cap: CapName, reason: string]> = [
  [
    'EXCEPTION_PAYLOAD',
    'a pending #PF or #DB for L2 keeps its CR2 or DR6, and pending is told from injected',
  ],
  ['TRIPLE_FAULT_EVENT', 'a pending triple fault of L2 is part of the events and moves with them'],
  [
    'MANUAL_DIRTY_LOG_PROTECT2',
    'a dirty page is write-protected again right before it is read, not when the log is: see dirty-log.ts',
  ],
];

export class Vm {
  readonly config: VmConfig;
  readonly createTime = Date.now();
  updateTime = this.createTime;
  readonly memory: GuestMemory;
  /** Which pages were written: started and stopped by the methods below, collected from without a turn of its own. */
  readonly dirty: DirtyLog;
  readonly vcpus: Vcpu[] = [];
  /** Undefined where it takes part in none. */
  migration: Migration | undefined;
  readonly consoleHistory = new ConsoleHistory();
  readonly pc: PcDevices | undefined;
  private readonly port: VmPort;
  private readonly rules: NestedRules;
  private readonly capabilities: HostProfile['capabilities'];
  private readonly runsGuests: boolean;
  private readonly mutex = new Mutex();
  private readonly watchers = new Set<VmWatcher>();
  private running = false;
  private closing: Promise<void> | undefined;
  /** Given up by ResolveMigration, which is about to close it: what still waits for its turn finds it deleted. */
  private abandoned = false;
  /** Whether the guest ran when it was handed over. */
  private ranWhenHandedOver = false;
  /** How it came here, where it is sent on: it has arrived by that still, where the sending comes to nothing. */
  private arrivedBy: Migration | undefined;

  private constructor(
    config: VmConfig,
    port: VmPort,
    memory: GuestMemory,
    { capabilities, runsGuests }: HostProfile,
    rules: NestedRules,
  ) {
    this.config = config;
    this.port = port;
    this.memory = memory;
    this.capabilities = capabilities;
    const manualProtect = (capabilities.get('MANUAL_DIRTY_LOG_PROTECT2') ?? 0) > 0;
    this.dirty = new DirtyLog(config.id, port, memory, manualProtect);
    this.runsGuests = runsGuests;
    this.rules = rules;
    this.pc = config.pc ? new PcDevices(port, (data) => this.serial(data)) : undefined;
  }

  /** Makes a VM, paused. Where that fails half-way, nothing of it is left. */
  static async create(kvm: SystemPort, host: HostProfile, rules: NestedRules, config: VmConfig): Promise<Vm> {
    checkConfig(config, host);
    let vm: Vm | undefined;
    try {
      const memory = GuestMemory.create(config.id, config.regions);
      let port: VmPort;
      try {
        port = kvm.createVm();
      } catch (error) {
        memory.close();
        throw error;
      }
      vm = new Vm(config, port, memory, host, rules);
      await vm.build(host);
      return vm;
    } catch (error) {
      await vm?.close();
      throw outOfResources(error) ?? error;
    }
  }

  private async build(host: HostProfile): Promise<void> {
    for (const [cap] of ENABLED_CAPS) {
      if ((this.capabilities.get(cap) ?? 0) > 0) enableCap(this.port, CAP[cap]);
    }
    if (host.vendor === 'INTEL') {
      const identityMap = Buffer.alloc(8);
      identityMap.writeBigUInt64LE(IDENTITY_MAP_GPA);
      this.port.ioctl(KVM.SET_IDENTITY_MAP_ADDR, identityMap);
      this.port.ioctl(KVM.SET_TSS_ADDR, TSS_GPA);
    }
    this.memory.giveTo(this.port);
    if (this.config.irqchip) this.port.ioctl(KVM.CREATE_IRQCHIP, 0);
    if (this.config.pit) this.port.ioctl(KVM.CREATE_PIT2, pitConfig(this.config.pc));
    for (let index = 0; index < this.config.vcpuCount; index += 1) {
      this.vcpus.push(
        await Vcpu.create(
          this.port,
          index,
          host,
          this.config.irqchip,
          this.capabilities,
          this.memory,
          this.pc?.shared.buffer,
          {
            console: (data, time) => this.console(index, data, time),
            ended: (vcpu) => this.vcpuEnded(vcpu),
            serial: () => this.pc?.told(),
            died: (error) => this.vcpuDied(index, error),
          },
        ),
      );
    }
    const boot = this.config.linuxBoot;
    const first = this.vcpus[0];
    if (boot !== undefined && first !== undefined)
      await bootLinux(boot, this.memory, this.config.vcpuCount, first.port);
  }

  get runState(): VmRunState {
    if (this.stop !== undefined) return 'STOPPED';
    return this.running ? 'RUNNING' : 'PAUSED';
  }

  /** Why it stopped by itself; undefined where it can run. */
  get stop(): VmStop | undefined {
    for (const { ended, index } of this.vcpus) {
      if (ended?.kind === 'stopped') return { reason: ended.stop, vcpuIndex: index, message: ended.message };
    }
    if (this.vcpus.length === 0 || this.vcpus.some(({ ended }) => ended?.kind !== 'halted')) return undefined;
    const message = 'every vCPU executed HLT, and without an in-kernel irqchip nothing can wake them';
    return { reason: 'HALTED', vcpuIndex: 0, message };
  }

  /** The vCPU of that index. Throws VCPU_NOT_FOUND. */
  vcpu(index: number): Vcpu {
    const vcpu = this.vcpus[index];
    if (vcpu !== undefined) return vcpu;
    throw VcpudError.of('VCPU_NOT_FOUND', `VM ${this.config.id} has no vCPU ${index}`, {
      metadata: { vm: this.config.id, vcpu: String(index) },
    });
  }

  /** Lets the vCPUs run. */
  run(caller: Caller): Promise<void> {
    if (!this.runsGuests) return Promise.reject(guestsNotRun());
    return this.exclusively(caller, () => {
      requireOurs(this.config.id, this.migration);
      const stop = this.stop;
      if (stop !== undefined) {
        throw VcpudError.of('VM_STOPPED', `the VM stopped by itself: ${stop.message}`, {
          subject: `vms/${this.config.id}`,
          metadata: { stop_reason: stop.reason, vcpu: String(stop.vcpuIndex) },
        });
      }
      if (this.running) return;
      this.running = true;
      this.changed();
      for (const vcpu of this.vcpus) vcpu.resume();
    });
  }

  /** Brings every vCPU out of the guest. */
  pause(caller: Caller): Promise<void> {
    return this.exclusively(caller, async () => {
      if (!this.running) return;
      await this.parkAll();
      this.running = false;
      if (this.stop === undefined) this.changed();
    });
  }

  /** The nested state of one vCPU, running or not. */
  getNestedState(index: number): Promise<NestedCapture> {
    if (this.closing !== undefined) return Promise.reject(deleted());
    return this.vcpu(index).getNested();
  }

  /** Everything that one vCPU holds; it is stopped for that where it runs. */
  captureVcpu(caller: Caller, index: number): Promise<Captured<VcpuSnapshot>> {
    const vcpu = this.vcpu(index);
    return this.exclusively(caller, () => this.whileParked([vcpu], () => vcpu.capture()));
  }

  /** Everything that the VM holds beside its memory, from one stop of all vCPUs. */
  capture(caller: Caller): Promise<Captured<VmSnapshot>> {
    return this.exclusively(caller, () => this.whileParked(this.vcpus, () => this.snapshot()));
  }

  /** What its vCPUs ask of a host, from one stop. */
  needs(caller: Caller): Promise<Captured<VcpuNeeds>> {
    return this.exclusively(caller, () =>
      this.whileParked(this.vcpus, () => vcpuNeeds(this.vcpus as [Vcpu, ...Vcpu[]])),
    );
  }

  /** What the rules ask of one vCPU, as it is now; it is stopped for that where it runs. */
  async factsOf(caller: Caller, index: number): Promise<VcpuFacts> {
    const vcpu = this.vcpu(index);
    if (vcpu.shape.nested === undefined) throw nestedNotSupported();
    return factsOf(vcpu, (await this.captureVcpu(caller, index)).state);
  }

  /** Throws the error of the rules that a nested state breaks. The VM must be paused. */
  checkNestedState(caller: Caller, index: number, bytes: Uint8Array): Promise<void> {
    const vcpu = this.vcpu(index);
    return this.exclusively(caller, async () => {
      await this.requirePaused();
      checkNestedStateFor(vcpu, bytes, this.rules);
    });
  }

  /** Checks a nested state and sets it. The VM must be paused. */
  setNestedState(caller: Caller, index: number, bytes: Uint8Array): Promise<NestedSet> {
    return this.setNested(caller, index, (vcpu) => setNestedState(vcpu, bytes, this.rules));
  }

  /** Gives a nested state to the kernel, without the checks. The VM must be paused. */
  setNestedStateUnchecked(caller: Caller, index: number, bytes: Uint8Array): Promise<NestedSet> {
    return this.setNested(caller, index, (vcpu) => setNestedStateUnchecked(vcpu, bytes, this.rules));
  }

  private setNested(caller: Caller, index: number, set: (vcpu: Vcpu) => NestedSet): Promise<NestedSet> {
    const vcpu = this.vcpu(index);
    return this.exclusively(caller, async () => {
      await this.requirePaused();
      const result = set(vcpu);
      this.touch();
      return result;
    });
  }

  /** Gives one vCPU a whole state. The VM must be paused. */
  restoreVcpu(caller: Caller, index: number, snapshot: VcpuSnapshot): Promise<ByteRange[]> {
    const vcpu = this.vcpu(index);
    return this.exclusively(caller, async () => {
      await this.requirePaused();
      const { halted, given } = this.takeHalted(snapshot);
      const ignored = restoreOrPutBack(vcpu, given, this.rules);
      this.revive(vcpu, halted);
      return ignored;
    });
  }

  /** Gives the VM what another of its shape held. It must be paused; its memory is there already. */
  restore(caller: Caller, snapshot: VmSnapshot): Promise<void> {
    return this.exclusively(caller, async () => {
      await this.requirePaused();
      this.requireSameShape(snapshot);
      const taken = snapshot.vcpus.map((vcpu) => this.takeHalted(vcpu));
      // All checks before the first change: a bad last vCPU must not cost the others a way there and back.
      for (const vcpu of this.vcpus) {
        requireRestorable(vcpu, taken[vcpu.index]?.given ?? {}, this.rules, `state.vcpus[${vcpu.index}]`);
      }
      const formerDevices = captureDevices(this.port, this.config);
      const former = this.vcpus.map((vcpu) => vcpu.capture());
      let given = 0;
      try {
        // Devices first: a LAPIC's timer and a kvmclock are armed by vCPU state, against this clock.
        restoreDevices(this.port, this.config, snapshot.devices);
        for (const vcpu of this.vcpus) {
          const part = taken[vcpu.index];
          if (part !== undefined)
            restoreOrPutBack(vcpu, part.given, this.rules, `state.vcpus[${vcpu.index}]`);
          given += 1;
        }
      } catch (error) {
        // The vCPU that failed has put itself back; those before it, and the devices, are put back here.
        const holds = this.vcpus.slice(0, given).map(({ index }, i) => {
          const answer = putBack(this.vcpus[i] as Vcpu, this.takeHalted(former[i] ?? {}).given);
          return answer === FORMER_STATE ? '' : `vcpus[${index}]: ${answer}`;
        });
        restoreDevices(this.port, this.config, formerDevices);
        if (!(error instanceof VcpudError)) throw error;
        const own = error.details.metadata?.['vcpu_holds'] ?? FORMER_STATE;
        if (own !== FORMER_STATE) holds.push(`vcpus[${given}]: ${own}`);
        throw error.with({ vcpu_holds: holds.filter((text) => text !== '').join('; ') || FORMER_STATE });
      }
      if (snapshot.pc !== undefined) this.pc?.restore(snapshot.pc);
      for (const vcpu of this.vcpus) this.revive(vcpu, taken[vcpu.index]?.halted ?? false);
    });
  }

  /** Takes a vCPU to power-on state; a running VM is paused by it. */
  reset(caller: Caller, index: number): Promise<Buffer | undefined> {
    const vcpu = this.vcpu(index);
    return this.exclusively(caller, async () => {
      requireOurs(this.config.id, this.migration);
      await this.parkAll();
      this.running = false;
      const held = resetVcpu(vcpu);
      this.revive(vcpu, false);
      return held;
    });
  }

  /**
   * Gives the guest bytes to read from its serial port; resolves when the port holds the last of them. Throws
   * CONSOLE_NOT_PRESENT, VM_DELETED. While the guest reads nothing, whether the VM is still there is looked at
   * every lookMs.
   */
  async writeConsole(data: Uint8Array, lookMs: number): Promise<void> {
    if (this.pc === undefined) {
      throw VcpudError.of('CONSOLE_NOT_PRESENT', `VM ${this.config.id} has no serial port`, {
        subject: `vms/${this.config.id}`,
        metadata: { vm: this.config.id },
      });
    }
    for (let at = 0; ; ) {
      if (this.closing !== undefined) throw deleted();
      at += this.pc.put(data.subarray(at));
      if (at === data.length) return;
      await this.pc.taken(lookMs);
    }
  }

  /** Has every page that is written from now on kept, until it is collected. Throws HOST_RESOURCES. */
  startDirtyTracking(caller: Caller): Promise<void> {
    return this.exclusively(caller, () => {
      try {
        this.dirty.start();
      } catch (error) {
        throw outOfResources(error) ?? error;
      }
    });
  }

  /** Ends that; what was not collected is forgotten. */
  stopDirtyTracking(caller: Caller): Promise<void> {
    return this.exclusively(caller, () => this.dirty.stop());
  }

  /** Begins to send it. Throws VM_MIGRATING where it takes part in a migration already. */
  beginSending(caller: Caller, id: string, peer: string): Promise<void> {
    return this.exclusively(caller, () => {
      const { migration } = this;
      if (migration !== undefined && migration.phase !== 'ARRIVED')
        throw migrating(this.config.id, migration);
      this.dirty.start();
      this.arrivedBy = migration;
      this.become({ id, peer, phase: 'SENDING' });
    });
  }

  /** The sending came to nothing, before the switch. */
  endSending(): Promise<void> {
    return this.exclusively(NOBODY, () => {
      if (this.migration?.phase !== 'SENDING') return;
      this.dirty.stop();
      this.become(this.arrivedBy);
    });
  }

  /**
   * The switch, at the source: stops the guest, has `give` bring what it holds to the destination, and is done with it.
   * Where `give` throws HandOverFailed with `certain`, the guest goes on here; without, it stays stopped and handed over.
   */
  handOver<T>(
    give: (snapshot: VmSnapshot, run: boolean) => Promise<T>,
    onPart: (name: string, ms: number) => void = () => undefined,
  ): Promise<T> {
    return this.exclusively(NOBODY, async () => {
      const since = performance.now();
      const { migration, running } = this;
      if (migration?.phase !== 'SENDING') throw new Error('only a VM that is being sent is handed over');
      await this.parkAll();
      onPart('stop', performance.now() - since);
      // From here on nothing but what `give` learns lets it run again.
      this.ranWhenHandedOver = running;
      this.running = false;
      this.migration = { ...migration, phase: 'HANDED_OVER' };
      let result: T;
      try {
        result = await give(this.snapshot(timedBy(onPart)), running && this.stop === undefined);
      } catch (error) {
        if (error instanceof HandOverFailed && !error.certain) {
          this.changed();
          throw error;
        }
        this.migration = migration;
        this.goOn(running && this.stop === undefined);
        throw error;
      }
      // Outside of the way back: the guest is the destination's, and whatever fails from here on doesn't run it here.
      // The log of writes goes with the VM, or with the word that the guest goes on here after all.
      this.become({ ...migration, phase: 'MOVED' });
      return result;
    });
  }

  /** The first memory of a prepared VM is on its way. Throws NOT_PREPARED. */
  beginReceiving(id: string): void {
    const { migration } = this;
    if (migration?.id !== id || migration.phase !== 'PREPARED') {
      throw VcpudError.of('NOT_PREPARED', `VM ${this.config.id} does not wait for migration ${id}`, {
        subject: `vms/${this.config.id}`,
        metadata: { vm: this.config.id, migration_id: id },
      });
    }
    this.become({ ...migration, phase: 'RECEIVING' });
  }

  /**
   * Does all that the switch does, but for letting the guest go on, on a VM that is still received: code that has run is
   * several times faster when the guest stands still for it. `example` is a nested state such as will come: the snapshot's
   * is one without L2.
   */
  rehearseArrival(
    snapshot: VmSnapshot,
    example: Buffer | undefined,
    onPart: (name: string, ms: number) => void,
  ): Promise<void> {
    return this.exclusively(NOBODY, () => {
      if (this.migration?.phase !== 'RECEIVING')
        throw new Error('only a VM that is being received rehearses');
      for (let left = REHEARSED.takes; left > 1; left -= 1) this.take(snapshot, (_name, task) => task());
      this.take(snapshot, timedBy(onPart));
      const [vcpu] = this.vcpus;
      if (example === undefined || vcpu === undefined) return;
      const readGuest = (gpa: bigint, bytes: number) => vcpu.readGuest(gpa, bytes);
      for (let left = REHEARSED.examinations; left > 0; left -= 1)
        rehearseNestedSet(example, vcpu.powerOn, readGuest, this.rules);
    });
  }

  /** A nested state of the first vCPU, running or not; undefined where it has none. */
  async nestedExample(): Promise<Buffer | undefined> {
    if (this.vcpus[0]?.shape.nested === undefined) return undefined;
    return (await this.getNestedState(0)).bytes;
  }

  /** What it held when it was new, as a snapshot: for rehearsing what is done with one while the guest runs. */
  powerOnSnapshot(): VmSnapshot {
    return {
      vcpus: this.vcpus.map(({ powerOn }) => powerOn),
      devices: captureDevices(this.port, this.config),
      pc: this.pc?.capture(),
    };
  }

  /** The switch, at the destination: takes the state, reads it back, and lets the guest go on. Gives when that was. */
  arrive(snapshot: VmSnapshot, run: boolean, onPart: (name: string, ms: number) => void): Promise<Moment> {
    return this.exclusively(NOBODY, () => {
      const { migration } = this;
      if (migration?.phase !== 'RECEIVING') throw new Error('only a VM that is being received arrives');
      const timed = timedBy(onPart);
      const halted = this.take(snapshot, timed);
      this.migration = { ...migration, phase: 'ARRIVED' };
      const at = timed('run', () => {
        for (const vcpu of this.vcpus) vcpu.ended = endedAs(halted[vcpu.index]);
        this.resumeAll(run && this.stop === undefined);
        return moment();
      });
      // Those who watch are told when the guest no longer waits for it.
      this.changed();
      return at;
    });
  }

  /** Ends what a migration left behind. Throws MIGRATION_ID_DIFFERS, MIGRATION_PHASE. The caller deletes what was abandoned. */
  resolveMigration(caller: Caller, id: string, outcome: 'RUN_HERE' | 'ABANDON'): Promise<void> {
    return this.exclusively(caller, () => {
      const { migration } = this;
      const about = { subject: `vms/${this.config.id}`, metadata: { vm: this.config.id, migration_id: id } };
      if (migration?.id !== id) {
        const message = `VM ${this.config.id} takes no part in migration ${id}`;
        throw VcpudError.of('MIGRATION_ID_DIFFERS', message, about);
      }
      const row = MIGRATION_PHASES[migration.phase];
      if (!(outcome === 'RUN_HERE' ? row.mayRunHere : row.mayAbandon)) {
        throw VcpudError.of('MIGRATION_PHASE', `VM ${this.config.id}: ${row.why}`, {
          ...about,
          metadata: { ...about.metadata, phase: migration.phase, outcome },
        });
      }
      if (outcome === 'ABANDON') {
        this.abandoned = true;
        return;
      }
      this.dirty.stop();
      this.migration = this.arrivedBy;
      this.goOn(this.ranWhenHandedOver && this.stop === undefined);
    });
  }

  private become(migration: Migration | undefined): void {
    this.migration = migration;
    this.changed();
  }

  /** Everything beside memory; every vCPU must be parked. */
  private snapshot(timed: Timed = (_name, task) => task()): VmSnapshot {
    const vcpus = timed('capture', () => this.vcpus.map((vcpu) => vcpu.capture()));
    return timed('devices', () => {
      this.pc?.drain();
      return { vcpus, devices: captureDevices(this.port, this.config), pc: this.pc?.capture() };
    });
  }

  private goOn(run: boolean): void {
    this.resumeAll(run);
    this.changed();
  }

  private resumeAll(run: boolean): void {
    this.running = run;
    if (run) for (const vcpu of this.vcpus) vcpu.resume();
  }

  /** Gives a VM that never ran a state; after a failure it is of no use. Gives which vCPUs are halted. */
  private restoreFresh(snapshot: VmSnapshot, timed: Timed): boolean[] {
    this.requireSameShape(snapshot);
    timed('devices', () => restoreDevices(this.port, this.config, snapshot.devices));
    const halted = timed('restore', () => this.restoreVcpus(snapshot));
    if (snapshot.pc !== undefined) this.pc?.restore(snapshot.pc);
    return halted;
  }

  private restoreVcpus(snapshot: VmSnapshot): boolean[] {
    return this.vcpus.map((vcpu) => {
      const taken = this.takeHalted(snapshot.vcpus[vcpu.index] ?? {});
      const { asNew } = vcpu;
      vcpu.asNew &&= isAsNew(vcpu.powerOn, taken.given); // what a source has rehearsed may be anything
      restoreFresh(vcpu, taken.given, this.rules, `state.vcpus[${vcpu.index}]`, asNew);
      return taken.halted;
    });
  }

  /** Gives a VM that never ran a state, and reads it back. Gives which vCPUs are halted. */
  private take(snapshot: VmSnapshot, timed: Timed): boolean[] {
    const halted = this.restoreFresh(snapshot, timed);
    timed('check', () => this.requireHolds(snapshot));
    return halted;
  }

  /** Throws STATE_NOT_HELD unless what is read back is what was given. */
  private requireHolds(snapshot: VmSnapshot): void {
    const unlike = this.vcpus.flatMap((vcpu) => {
      const given = this.takeHalted(snapshot.vcpus[vcpu.index] ?? {}).given;
      return differences(given, vcpu.capture()).map((part) => `vcpus[${vcpu.index}].${part}`);
    });
    if (unlike.length === 0) return;
    const parts = unlike.join(', ');
    throw VcpudError.of('STATE_NOT_HELD', `the state reads back otherwise in ${parts}`, {
      metadata: { parts },
    });
  }

  /** Tells the watcher what happens from now on, until the function given back is called. */
  watch(watcher: VmWatcher): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** Sends the watchers away: vcpud is ending, and an open stream would hold it. */
  dismissWatchers(): void {
    this.tell({ kind: 'ending' });
    this.watchers.clear();
  }

  /** Ends every thread and frees all there is. Calls under way end with VM_DELETED. Never fails, never twice. */
  close(): Promise<void> {
    this.closing ??= (async () => {
      this.running = false;
      this.dirty.close();
      await Promise.all(this.vcpus.map((vcpu) => vcpu.close()));
      this.pc?.drain();
      this.port.close();
      this.memory.close();
      this.tell({ kind: 'deleted', time: Date.now() });
      this.watchers.clear();
    })();
    return this.closing;
  }

  // ---- below: how it is done

  private exclusively<T>(caller: Caller, task: () => Promise<T> | T): Promise<T> {
    return this.mutex.run(async () => {
      if (this.closing !== undefined || this.abandoned) throw deleted();
      if (caller.gone()) throw VcpudError.of('CANCELLED', 'the caller went away before its turn came');
      const result = await task();
      if (this.closing !== undefined) throw deleted();
      return result;
    });
  }

  private async parkAll(): Promise<void> {
    await Promise.all(this.vcpus.map((vcpu) => vcpu.park()));
    if (this.closing !== undefined) throw deleted();
  }

  private async whileParked<T>(vcpus: readonly Vcpu[], task: () => T): Promise<Captured<T>> {
    const since = performance.now();
    const out = vcpus.filter(({ isParked }) => !isParked);
    // In a VM that just stopped by itself there can be vCPUs on their way out: waited for, but not made to run again.
    const wereRunning = this.running ? out : [];
    await Promise.all(out.map((vcpu) => vcpu.park()));
    if (this.closing !== undefined) throw deleted();
    try {
      const state = task();
      return { state, time: Date.now(), outMs: wereRunning.length === 0 ? 0 : performance.now() - since };
    } finally {
      if (this.runState === 'RUNNING') for (const vcpu of wereRunning) vcpu.resume();
    }
  }

  /** Throws VM_RUNNING for a VM that runs. In one that just stopped by itself the last vCPUs are waited for. */
  private async requirePaused(): Promise<void> {
    requireOurs(this.config.id, this.migration);
    if (!this.running) return this.parkAll();
    throw VcpudError.of('VM_RUNNING', `VM ${this.config.id} runs: pause it first`, {
      subject: `vms/${this.config.id}`,
      metadata: { vm: this.config.id },
    });
  }

  private requireSameShape(snapshot: VmSnapshot): void {
    const differs = [
      snapshot.vcpus.length === this.vcpus.length
        ? ''
        : `${snapshot.vcpus.length} vCPUs, not ${this.vcpus.length}`,
      ...deviceDifferences(this.config, snapshot.devices),
      (snapshot.pc !== undefined) === this.config.pc ? '' : 'PC devices on one side only',
    ].filter((what) => what !== '');
    if (differs.length === 0) return;
    const message = `the state is of a VM of another shape: ${differs.join('; ')}`;
    throw VcpudError.of('VM_SHAPE_DIFFERS', message, { subject: `vms/${this.config.id}` });
  }

  /** A vCPU that is halted without a LAPIC: the kernel can't hold that, vcpud does (see Vcpu.capture). */
  private takeHalted(snapshot: VcpuSnapshot): { halted: boolean; given: VcpuSnapshot } {
    const halted =
      !this.config.irqchip && snapshot.mpState?.length === 4 && snapshot.mpState.readUInt32LE(0) === 3;
    return { halted, given: halted ? { ...snapshot, mpState: Buffer.alloc(4) } : snapshot };
  }

  private revive(vcpu: Vcpu, halted: boolean): void {
    vcpu.ended = endedAs(halted);
    this.changed();
  }

  private vcpuEnded(vcpu: Vcpu): void {
    this.tell({ kind: 'exit', time: Date.now(), vcpuIndex: vcpu.index, exit: vcpu.lastExit });
    if (this.stop === undefined || !this.running) return;
    // The others stop too: a VM whose one vCPU is gone is not left running without it.
    this.running = false;
    this.pc?.drain(); // its last words come before its end
    this.changed();
    void Promise.all(this.vcpus.map((other) => other.park()));
  }

  private vcpuDied(index: number, error: Error): void {
    const vcpu = this.vcpus[index];
    if (vcpu === undefined || this.closing !== undefined) return;
    vcpu.ended = {
      kind: 'stopped',
      stop: 'RUN_FAILED',
      exit: 'RUN_FAILED',
      message: `the vCPU's thread ended: ${error.message}`,
    };
    this.vcpuEnded(vcpu);
  }

  private console(vcpuIndex: number, data: Uint8Array, time: number): void {
    const offset = this.consoleHistory.add(vcpuIndex, data, time);
    this.tell({ kind: 'console', time, vcpuIndex, data, offset });
  }

  private serial(data: Uint8Array): void {
    const time = Date.now();
    const offset = this.consoleHistory.add(SERIAL, data, time);
    this.tell({ kind: 'console', time, vcpuIndex: SERIAL, data, offset });
    for (const vcpu of this.vcpus) vcpu.outputTaken();
  }

  private changed(): void {
    this.touch();
    this.tell({ kind: 'changed', time: this.updateTime });
  }

  private touch(): void {
    this.updateTime = Date.now();
  }

  private tell(event: VmEvent): void {
    for (const watcher of this.watchers) watcher(event);
  }
}

/**
 * How often a rehearsal does a thing: V8 compiles what has run some times, and only what has run often as well as it can.
 * Together they take 80 ms in an emulated host of one CPU, and 2 ms on a real one.
 */
const REHEARSED = { takes: 8, examinations: 30 } as const;

type Timed = <T>(name: string, task: () => T) => T;

const endedAs = (halted = false): Vcpu['ended'] => (halted ? { kind: 'halted' } : undefined);

/** Does a task, and tells how long it took, ms. */
const timedBy =
  (onPart: (name: string, ms: number) => void): Timed =>
  (name, task) => {
    const since = performance.now();
    const result = task();
    onPart(name, performance.now() - since);
    return result;
  };

function guestsNotRun(): VcpudError {
  return VcpudError.of(
    'GUESTS_NOT_RUN',
    'the model driver takes states and gives them back, but runs no guest: for that, serve with a KVM',
  );
}

/** struct kvm_pit_config. A PC's speaker port, by which an operating system measures time, is KVM's then too. */
function pitConfig(pc: boolean): Buffer {
  const KVM_PIT_SPEAKER_DUMMY = 1;
  const config = Buffer.alloc(64);
  config.writeUInt32LE(pc ? KVM_PIT_SPEAKER_DUMMY : 0, 0);
  return config;
}

function enableCap(vm: IoctlPort, capability: number): void {
  const request = Buffer.alloc(104); // struct kvm_enable_cap: cap u32, flags u32, args u64[4]
  request.writeUInt32LE(capability, 0);
  request.writeBigUInt64LE(1n, 8);
  vm.ioctl(KVM.ENABLE_CAP, request);
}

function checkConfig(config: VmConfig, host: HostProfile): void {
  if (config.vcpuCount < 1 || config.vcpuCount > host.maxVcpus) {
    throw VcpudError.of('VCPU_COUNT_OUT_OF_RANGE', `a VM on this host has 1 to ${host.maxVcpus} vCPUs`, {
      field: 'vm.vcpu_count',
      metadata: { vcpu_count: String(config.vcpuCount), max_vcpus: String(host.maxVcpus) },
    });
  }
  if (config.pit && !config.irqchip) {
    throw VcpudError.of('DEVICES_INVALID', 'a PIT needs the in-kernel irqchip', { field: 'vm.pit' });
  }
  if (config.pc && !config.irqchip) {
    throw VcpudError.of('DEVICES_INVALID', 'PC devices need the in-kernel irqchip', { field: 'vm.pc' });
  }
  checkRegions(config.regions, host.physicalAddressBits);
  if (config.linuxBoot !== undefined) checkLinuxBoot(config.linuxBoot, config.regions, config.vcpuCount);
}

/** errnos that say that the host has no more of something. */
const RESOURCE_ERRNOS = new Set(['ENOMEM', 'EMFILE', 'ENFILE', 'EAGAIN', 'ENOSPC']);

function outOfResources(error: unknown): VcpudError | undefined {
  const code = error instanceof KernelError ? error.code : (error as NodeJS.ErrnoException).code;
  if (code === undefined || !(RESOURCE_ERRNOS.has(code) || code.startsWith('ERR_WORKER'))) return undefined;
  const message = `the host has no more room for this VM: ${code}`;
  return VcpudError.of('HOST_RESOURCES', message, { metadata: { errno: code }, cause: error });
}
