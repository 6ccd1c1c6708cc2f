// The model against the kernel that it was captured from, beside nested state, which is the fuzz's: what a host offers,
// what new VMs and vCPUs hold, and what becomes of everything that can be set, refusals and what they leave behind
// included.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CAP, KVM, SIZE } from '../../lib/kvm/abi.js';
import { getSupportedCpuid, setCpuid } from '../../lib/kvm/cpuid.js';
import { modelDriver } from '../../lib/kvm/model/model-driver.js';
import { getMsrIndices, readMsr } from '../../lib/kvm/msrs.js';
import { NATIVE_DRIVER } from '../../lib/kvm/native/native-driver.js';
import type { IoctlPort, SystemPort, VmPort } from '../../lib/kvm/port.js';
import { KernelError } from '../../lib/os/kernel-error.js';
import { differences } from '../../lib/state/snapshot-compare.js';
import type { StateVcpu } from '../../lib/state/state-vcpu.js';
import {
  CAPTURE_ORDER,
  captureVcpu,
  failAtOnce,
  restoreVcpu,
  type VcpuSnapshot,
} from '../../lib/state/vcpu-components.js';
import { captureDevices } from '../../lib/state/vm-components.js';
import { type HostProfile, probeHost } from '../../lib/vm/host.js';
import { probeRules } from '../../lib/vm/host-rules.js';
import { Random } from '../fuzz/random.js';
import { guestKind } from '../guests/guest.js';
import { capturedStates } from '../vectors/captured.js';

/** What vcpud asks for, and what the captured states were taken with. */
const ENABLED = [CAP.EXCEPTION_PAYLOAD, CAP.TRIPLE_FAULT_EVENT];
/** MSRs that count on between two reads: IA32_TSC and Hyper-V's two clocks. */
const COUNTING = new Set([0x10, 0x4000_0010, 0x4000_0020]);
/** HV_X64_MSR_TSC_FREQUENCY: a kernel measures it anew at each boot. */
const TSC_FREQUENCY = 0x4000_0022;

let profile: HostProfile;
let modelProfile: HostProfile;
let systems: readonly [kernel: SystemPort, model: SystemPort];
const open: Array<{ close(): void }> = [];

beforeAll(() => {
  const native = probeHost(NATIVE_DRIVER);
  profile = native.profile;
  const model = probeHost(modelDriver(profile.vendor === 'INTEL' ? 'intel' : 'amd'));
  modelProfile = model.profile;
  systems = [native.kvm, model.kvm];
});

afterAll(() => {
  for (const port of [...open.reverse(), ...systems]) port.close();
});

function ask(port: IoctlPort, request: number, argument: Uint8Array | number): string {
  try {
    return String(port.ioctl(request, argument));
  } catch (error) {
    if (error instanceof KernelError) return error.code;
    throw error;
  }
}

function enable(vm: VmPort, capability: number): string {
  const request = Buffer.alloc(104); // struct kvm_enable_cap: cap u32, flags u32, args u64[4]
  request.writeUInt32LE(capability, 0);
  request.writeBigUInt64LE(1n, 8);
  return ask(vm, KVM.ENABLE_CAP, request);
}

interface Shape {
  readonly irqchip: boolean;
  /** Whether the vCPU has the host's CPUID, or none. */
  readonly cpuid: boolean;
  readonly index: number;
  readonly enabled: readonly number[];
}

/** The same vCPU of both. */
function pairOf(shape: Partial<Shape> = {}): readonly [kernel: StateVcpu, model: StateVcpu] {
  const { irqchip = false, cpuid = true, index = 0, enabled = ENABLED } = shape;
  const [kernel, model] = systems.map((system): StateVcpu => {
    const vm = system.createVm();
    open.push(vm);
    for (const capability of enabled) enable(vm, capability);
    if (irqchip) vm.ioctl(KVM.CREATE_IRQCHIP, 0);
    const port = vm.createVcpu(index);
    open.push(port);
    if (cpuid) setCpuid(port, profile.supportedCpuid);
    const { capabilities, msrIndices, nested } = profile;
    return {
      port,
      shape: {
        capabilities,
        irqchip,
        msrIndices,
        nested:
          nested.format === undefined ? undefined : { format: nested.format, maxBytes: nested.maxBytes },
      },
      dropPendingAccess: () => undefined,
      readGuest: () => undefined,
    };
  });
  if (kernel === undefined || model === undefined) throw new Error('there are two systems');
  return [kernel, model];
}

const capture = (vcpu: StateVcpu): VcpuSnapshot => captureVcpu(vcpu);

/** Names of the parts in which the two vCPUs are unlike, TSCs and other clocks aside. */
function unlike(kernel: StateVcpu, model: StateVcpu): string[] {
  const [a, b] = [capture(kernel), capture(model)];
  return [
    ...differences(a, b),
    ...(a.nested?.equals(b.nested ?? Buffer.alloc(0)) === false ? ['nested bytes'] : []),
  ];
}

describe('the host', () => {
  test('offers the same', () => {
    // Without what is another on each machine; a kernel measures its TSC's frequency anew at each boot.
    const same = ({
      driver: _d,
      runsGuests: _r,
      kernelRelease: _k,
      cpuModel: _c,
      tscKhz: _t,
      ...rest
    }: HostProfile) => rest;
    expect(same(modelProfile)).toEqual(same(profile));
    for (const { tscKhz } of [modelProfile, profile]) expect(tscKhz).toBeGreaterThan(0);
  });

  test('has the same rules', () => {
    const [kernel, model] = [probeRules(systems[0], profile), probeRules(systems[1], modelProfile)];
    expect(model).toEqual(kernel);
  });

  test('refuses the same of the system', () => {
    const short = Buffer.alloc(SIZE.cpuidHeader + SIZE.cpuidEntry);
    short.writeUInt32LE(1, 0);
    for (const [request, argument] of [
      [KVM.GET_SUPPORTED_CPUID, short],
      [KVM.GET_MSR_INDEX_LIST, Buffer.alloc(4)],
      [KVM.GET_MSR_FEATURE_INDEX_LIST, Buffer.alloc(4)],
    ] as const) {
      const [kernel, model] = systems.map((system) => {
        const bytes = Buffer.from(argument);
        return [ask(system, request, bytes), bytes.toString('hex')];
      });
      expect(model).toEqual(kernel);
    }
    expect(getSupportedCpuid(systems[1]).equals(getSupportedCpuid(systems[0]))).toBe(true);
  });
});

describe('a new vCPU', () => {
  test.each([
    ['', {}],
    [' without CPUID', { cpuid: false }],
    [', the second', { index: 1 }],
    [' with a LAPIC', { irqchip: true }],
    [' with a LAPIC, the second', { irqchip: true, index: 1 }],
    [' of a VM in which nothing was enabled', { enabled: [] }],
  ] as const)('holds the same%s', (_name, shape) => {
    expect(unlike(...pairOf(shape))).toEqual([]);
  });
});

describe('a VM', () => {
  const chip = (id: number): Buffer => {
    const bytes = Buffer.alloc(SIZE.irqchip);
    bytes.writeUInt32LE(id, 0);
    return bytes;
  };
  const region = (slot: number, flags: number, gpa: bigint, bytes: bigint): Buffer => {
    const buffer = Buffer.alloc(32);
    buffer.writeUInt32LE(slot, 0);
    buffer.writeUInt32LE(flags, 4);
    buffer.writeBigUInt64LE(gpa, 8);
    buffer.writeBigUInt64LE(bytes, 16);
    buffer.writeBigUInt64LE(0x1000_0000n, 24);
    return buffer;
  };
  const clock = (flags: number): Buffer => {
    const bytes = Buffer.alloc(SIZE.clock);
    bytes.writeUInt32LE(flags, 8);
    return bytes;
  };

  test('answers the same, call by call', () => {
    const vms = systems.map((system) => system.createVm());
    open.push(...vms);
    const calls: ReadonlyArray<readonly [name: string, request: number, argument: Uint8Array | number]> = [
      ['GET_IRQCHIP, there is none', KVM.GET_IRQCHIP, chip(0)],
      ['SET_IRQCHIP, there is none', KVM.SET_IRQCHIP, chip(0)],
      ['GET_PIT2, there is none', KVM.GET_PIT2, Buffer.alloc(SIZE.pit2)],
      ['CREATE_PIT2 without an irqchip', KVM.CREATE_PIT2, Buffer.alloc(64)],
      ['CREATE_IRQCHIP', KVM.CREATE_IRQCHIP, 0],
      ['CREATE_IRQCHIP twice', KVM.CREATE_IRQCHIP, 0],
      ['CREATE_PIT2', KVM.CREATE_PIT2, Buffer.alloc(64)],
      ['CREATE_PIT2 twice', KVM.CREATE_PIT2, Buffer.alloc(64)],
      ['GET_IRQCHIP 3', KVM.GET_IRQCHIP, chip(3)],
      ['SET_IRQCHIP 3', KVM.SET_IRQCHIP, chip(3)],
      ['SET_TSS_ADDR', KVM.SET_TSS_ADDR, 0xfeff_d000],
      ['SET_TSS_ADDR too high', KVM.SET_TSS_ADDR, 0xffff_e000],
      ['SET_IDENTITY_MAP_ADDR', KVM.SET_IDENTITY_MAP_ADDR, Buffer.alloc(8)],
      ['a region', KVM.SET_USER_MEMORY_REGION, region(0, 0, 0n, 0x4000n)],
      ['the same region', KVM.SET_USER_MEMORY_REGION, region(0, 0, 0n, 0x4000n)],
      ['another size of it', KVM.SET_USER_MEMORY_REGION, region(0, 0, 0n, 0x8000n)],
      ['one that overlaps', KVM.SET_USER_MEMORY_REGION, region(1, 0, 0x3000n, 0x2000n)],
      ['one beside', KVM.SET_USER_MEMORY_REGION, region(1, 0, 0x4000n, 0x2000n)],
      ['one that is moved', KVM.SET_USER_MEMORY_REGION, region(1, 0, 0x8000n, 0x2000n)],
      ['one unaligned', KVM.SET_USER_MEMORY_REGION, region(2, 0, 0x1_0800n, 0x1000n)],
      ['one with half a page', KVM.SET_USER_MEMORY_REGION, region(2, 0, 0x1_0000n, 0x800n)],
      ['one with unknown flags', KVM.SET_USER_MEMORY_REGION, region(2, 4, 0x1_0000n, 0x1000n)],
      ['one of a slot too many', KVM.SET_USER_MEMORY_REGION, region(32764, 0, 0x1_0000n, 0x1000n)],
      ['one taken away', KVM.SET_USER_MEMORY_REGION, region(1, 0, 0x8000n, 0n)],
      ['one taken away that is not there', KVM.SET_USER_MEMORY_REGION, region(1, 0, 0x8000n, 0n)],
      ['SET_CLOCK', KVM.SET_CLOCK, clock(0)],
      ['SET_CLOCK with unknown flags', KVM.SET_CLOCK, clock(1)],
      ['a capability that is none', KVM.ENABLE_CAP, Buffer.alloc(104, 0xff)],
      ['CHECK_EXTENSION 1000', KVM.CHECK_EXTENSION, 1000],
    ];
    for (const [name, request, argument] of calls) {
      const [kernel, model] = vms.map((vm) =>
        ask(vm, request, typeof argument === 'number' ? argument : Buffer.from(argument)),
      );
      expect([name, model]).toEqual([name, kernel]);
    }
    const [kernel, model] = vms.map((vm) => captureDevices(vm, { irqchip: true, pit: true }));
    expect(model?.irqchips).toEqual(kernel?.irqchips);
    expect(model?.pit?.length).toBe(kernel?.pit?.length);
    for (const index of [0, 0, 4095, 4096]) {
      const [one, other] = vms.map((vm) => {
        try {
          open.push(vm.createVcpu(index));
          return 'made';
        } catch (error) {
          return (error as KernelError).code;
        }
      });
      expect([index, other]).toEqual([index, one]);
    }
  });
});

describe('MSRs', () => {
  const ONES = 0xffff_ffff_ffff_ffffn;
  const VALUES = [
    ...Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit)),
    0n,
    0xdn,
    ONES,
    0x0007_0406_0007_0406n,
    0xffff_8000_0000_0000n,
    0x4_0148n,
  ];

  const set = (port: IoctlPort, index: number, value: bigint): string => {
    const table = Buffer.alloc(SIZE.msrsHeader + SIZE.msrEntry);
    table.writeUInt32LE(1, 0);
    table.writeUInt32LE(index, SIZE.msrsHeader);
    table.writeBigUInt64LE(value, SIZE.msrsHeader + 8);
    return ask(port, KVM.SET_MSRS, table);
  };

  test.each([
    ['', {}],
    [' with a LAPIC', { irqchip: true }],
  ] as const)('take and hold the same%s', (_name, shape) => {
    const [kernel, model] = pairOf(shape);
    const ports = [kernel.port, model.port];
    const listed = getMsrIndices(systems[0], KVM.GET_MSR_INDEX_LIST);
    const indices = [...listed.filter((index) => index !== TSC_FREQUENCY), 0xc000_0080, 0x1b];
    for (const index of indices) {
      for (const value of VALUES) {
        const [one, other] = ports.map((port) => {
          const answer = set(port, index, value);
          return [answer, COUNTING.has(index) ? 'counts' : readMsr(port, index)];
        });
        expect([index.toString(16), value, other]).toEqual([index.toString(16), value, one]);
      }
    }
  });

  test('stop at the same', () => {
    const [kernel, model] = pairOf();
    const table = Buffer.alloc(SIZE.msrsHeader + 3 * SIZE.msrEntry);
    table.writeUInt32LE(3, 0);
    [0x174, 0x1234_5678, 0x175].forEach((index, i) => {
      table.writeUInt32LE(index, SIZE.msrsHeader + SIZE.msrEntry * i);
    });
    for (const request of [KVM.GET_MSRS, KVM.SET_MSRS]) {
      const [one, other] = [kernel, model].map(({ port }) => ask(port, request, Buffer.from(table)));
      expect(other).toBe(one);
    }
    table.writeUInt32LE(256, 0);
    expect(ask(model.port, KVM.GET_MSRS, table)).toBe(
      ask(kernel.port, KVM.GET_MSRS, Buffer.alloc(8192, table, 'latin1')),
    );
  });
});

describe('a part that is set', () => {
  const STEPS = 300;
  const MP_STATES = [0, 1, 2, 3, 5, 9, 10];
  /** Parts with the call that sets them, and bytes that are left as they are: [offset, length]. */
  const PARTS = [
    ['regs', KVM.SET_REGS, []],
    ['sregs2', KVM.SET_SREGS2, []],
    ['debugregs', KVM.SET_DEBUGREGS, []],
    ['xcrs', KVM.SET_XCRS, []],
    ['xsave', KVM.SET_XSAVE, []],
    // A pending INIT is held, not taken: the kernel would reset the vCPU when its mp_state is read.
    ['events', KVM.SET_VCPU_EVENTS, [[27, 1]]],
  ] as const;

  function changed(random: Random, bytes: Buffer, spared: ReadonlyArray<readonly [number, number]>): Buffer {
    const copy = Buffer.from(bytes);
    const used = Math.min(copy.length, 1024);
    for (let i = random.below(3); i >= 0; i -= 1) {
      const at = random.below(used);
      if (spared.some(([from, length]) => at >= from && at < from + length)) continue;
      const value = random.pick([0, 1, 0xff, 1 << random.below(8), random.below(256)]);
      copy[at] = random.oneIn(2) ? value : (copy[at] ?? 0) ^ (1 << random.below(8));
    }
    return copy;
  }

  test.each([
    ['', {}],
    [' of a vCPU with a LAPIC', { irqchip: true }],
    [' of a vCPU without CPUID', { cpuid: false }],
    [' of a VM in which nothing was enabled', { enabled: [] }],
  ] as const)('is taken and held the same%s', (_name, shape) => {
    const random = new Random(1);
    const [kernel, model] = pairOf(shape);
    const start = capture(kernel);
    for (let step = 0; step < STEPS; step += 1) {
      const [part, request, spared] = random.pick(PARTS);
      const bytes = changed(random, start[part] ?? Buffer.alloc(0), spared);
      const answers = [kernel, model].map(({ port }) => ask(port, request, Buffer.from(bytes)));
      expect([step, part, answers[1]]).toEqual([step, part, answers[0]]);
      expect([step, part, unlike(kernel, model)]).toEqual([step, part, []]);
    }
  });

  test('is taken and held the same: mp_state and the LAPIC', () => {
    const random = new Random(2);
    const [kernel, model] = pairOf({ irqchip: true, index: 1 });
    const lapic = capture(kernel).lapic ?? Buffer.alloc(0);
    for (let step = 0; step < STEPS; step += 1) {
      const mpState = Buffer.alloc(4);
      mpState.writeUInt32LE(random.pick(MP_STATES));
      const [request, bytes] = random.oneIn(4)
        ? ([KVM.SET_MP_STATE, mpState] as const)
        : ([
            KVM.SET_LAPIC,
            changed(random, lapic, [
              [0x320, 4],
              [0x380, 0x14],
              [0x200, 0x80],
            ]),
          ] as const);
      const answers = [kernel, model].map(({ port }) => ask(port, request, Buffer.from(bytes)));
      expect([step, answers[1]]).toEqual([step, answers[0]]);
      expect([step, unlike(kernel, model)]).toEqual([step, []]);
    }
  });
});

describe('a vCPU that a guest was caught in', () => {
  test('is held the same, part by part and whole', () => {
    for (const { name, parts } of capturedStates(guestKind(profile.vendor))) {
      const [kernel, model] = pairOf();
      for (const vcpu of [kernel, model]) {
        const whole = { ...capture(vcpu), ...parts };
        restoreVcpu(vcpu, whole, failAtOnce);
      }
      expect([name, unlike(kernel, model)]).toEqual([name, []]);
    }
    expect(CAPTURE_ORDER.length).toBeGreaterThan(0);
  });
});
