// The floor under a stop of a running vCPU: a VM of the bench's own with the same guest in it, whose one thread does
// nothing but KVM_RUN. A kick of it costs what the kernel costs and one system call from Node, and nothing else.

import { Worker } from 'node:worker_threads';
import { KVM_RUN_LAYOUT } from '../../lib/kvm/abi.js';
import { setCpuid, withApicId } from '../../lib/kvm/cpuid.js';
import { NATIVE_DRIVER } from '../../lib/kvm/native/native-driver.js';
import type { SystemPort, VcpuPort, VcpuRun, VmPort } from '../../lib/kvm/port.js';
import { INTERRUPT_SIGNAL, tgkill, viewOf } from '../../lib/os/libc.js';
import { GuestMemory } from '../../lib/vm/guest-memory.js';
import { probeHost } from '../../lib/vm/host.js';
import { monotonicMs } from '../../lib/vm/vcpu-thread-protocol.js';
import { type GuestParameters, guestImage, guestKind, guestShape } from '../guests/guest.js';
import { areaGpa, COUNTER, COUNTERS_BYTES } from '../guests/layout.js';
import { FLOOR_TIME, FLOOR_WANT, FLOOR_WORD, type FloorStart } from './kick-floor-words.js';

/** How long the guest runs, at least, before its next kick. */
const RUN_MS = 3;
const MOST_WAITS = 1000;

export class KickFloor {
  private readonly kvm: SystemPort;
  private readonly vm: VmPort;
  private readonly vcpu: VcpuPort;
  private readonly memory: GuestMemory;
  private readonly worker: Worker;
  private readonly words: Int32Array;
  private readonly times: Float64Array;
  private readonly run: Buffer;
  private tid = 0;

  /** Makes the VM; resolves when its thread is there. The guest does not run yet. */
  static async start(parameters: GuestParameters): Promise<KickFloor> {
    const { kvm, profile } = probeHost(NATIVE_DRIVER);
    const regions = guestShape(1).memoryRegions.map(({ gpa, sizeBytes }) => ({
      gpa: BigInt(gpa),
      bytes: BigInt(sizeBytes),
    }));
    const memory = GuestMemory.create('bench-floor', regions);
    const image = guestImage(guestKind(profile.vendor), parameters);
    for (const { gpa, data } of image) await memory.write(BigInt(gpa), data);
    const vm = kvm.createVm();
    memory.giveTo(vm);
    const vcpu = vm.createVcpu(0);
    setCpuid(vcpu, withApicId(profile.supportedCpuid, 0));
    if (vcpu.run === undefined) throw new Error("the native driver's vCPUs run");
    const floor = new KickFloor(kvm, vm, vcpu, vcpu.run, memory);
    floor.tid = await new Promise<number>((resolve, reject) => {
      floor.worker.once('message', resolve);
      floor.worker.once('error', reject);
    });
    return floor;
  }

  private constructor(kvm: SystemPort, vm: VmPort, vcpu: VcpuPort, run: VcpuRun, memory: GuestMemory) {
    this.kvm = kvm;
    this.vm = vm;
    this.vcpu = vcpu;
    this.memory = memory;
    const start: FloorStart = {
      vcpuFd: run.fd,
      runAddress: run.address,
      runLength: run.length,
      words: new SharedArrayBuffer(4 * Object.keys(FLOOR_WORD).length),
      times: new SharedArrayBuffer(8 * Object.keys(FLOOR_TIME).length),
    };
    this.words = new Int32Array(start.words);
    this.times = new Float64Array(start.times);
    this.run = viewOf(run.address, run.length);
    this.worker = new Worker(new URL('./kick-floor-worker.js', import.meta.url), { workerData: start });
  }

  /** Lets the guest run. */
  resume(): void {
    this.want(FLOOR_WANT.run);
  }

  /** Takes the guest out. */
  hold(): void {
    Atomics.store(this.words, FLOOR_WORD.want, FLOOR_WANT.hold);
    this.kick();
  }

  /** Lets the guest run until its L2 has called its L1 once: from then on nothing but a kick takes it out. */
  async untilL2Runs(): Promise<void> {
    const counters = Buffer.alloc(COUNTERS_BYTES);
    this.resume();
    while (counters.readBigUInt64LE(COUNTER.l1Count) === 0n) {
      this.sleep();
      for await (const piece of this.memory.read(areaGpa(0), BigInt(COUNTERS_BYTES), counters)) void piece;
    }
    this.hold();
  }

  /**
   * Kicks the running guest once, and gives the time from the kick to just before the thread calls KVM_RUN again, ms:
   * what stop_duration is of GetNestedState. This thread sleeps meanwhile, as the main thread of an idle server does: that the
   * kick has been taken is looked for after some time, so that nothing has to be said by the thread that is timed.
   */
  kick(): number {
    this.sleep();
    const seen = Atomics.load(this.words, FLOOR_WORD.kicks);
    const kickedAt = monotonicMs();
    this.signal();
    for (let waits = 1; Atomics.load(this.words, FLOOR_WORD.kicks) === seen; waits += 1) {
      this.sleep();
      if (waits % MOST_WAITS === 0) throw new Error('the floor was kicked and did not leave the guest');
    }
    return (this.times[FLOOR_TIME.backAt] ?? Number.NaN) - kickedAt;
  }

  private sleep(): void {
    Atomics.wait(this.words, FLOOR_WORD.never, 0, RUN_MS);
  }

  private signal(): void {
    Atomics.store(this.run, KVM_RUN_LAYOUT.immediateExit, 1);
    tgkill(this.tid, INTERRUPT_SIGNAL);
  }

  /** Ends the thread and frees all there is. */
  async end(): Promise<void> {
    const exited = new Promise((resolve) => this.worker.once('exit', resolve));
    this.want(FLOOR_WANT.quit);
    this.signal();
    await exited;
    this.vcpu.close();
    this.vm.close();
    this.kvm.close();
    this.memory.close();
  }

  private want(value: number): void {
    Atomics.store(this.words, FLOOR_WORD.want, value);
    Atomics.notify(this.words, FLOOR_WORD.want);
  }
}
