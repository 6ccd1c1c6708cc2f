// Bad input on a real kernel: messages that are none, for every rpc, and bytes at random, none of which gets anything but an
// answer. What each rpc refuses, row by row, is the conformance suite's contract (conformance/contract.ts).

import { type ServiceError, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorInfoOf } from '../../lib/api/error-details.js';
import { REASONS } from '../../lib/errors/vcpud-error.js';
import { HEADER_BYTES } from '../../lib/nested/layout.js';
import { RULES } from '../../lib/nested/rules.js';
import type { VmState__Output } from '../../protos/gen/vcpud/v1/VmState.js';
import { RPCS, rpcOf, Wire } from '../conformance/wire.js';
import { onlyVcpu, unlike } from '../harness/live-guest.js';
import { changed, inGuestMode, nestedOf } from '../harness/states.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';
import { svmGuestMode } from '../vectors/nested-states.js';

/** Paused, its vCPU in guest mode. */
const STILL = 'still';

const FIRST_REGION = 2 * 1024 * 1024;
const TOO_LARGE = 5 * 1024 * 1024;

const vmName = (id: string): string => `vms/${id}`;
const vcpuName = (id: string, index = 0): string => `vms/${id}/vcpus/${index}`;

const region = (gpa: number, sizeBytes: number) => ({ gpa, sizeBytes });
const name = vmName(STILL);
/** Parts of a vCPU's state that are bytes. */
const PARTS = ['cpuid', 'sregs2', 'xsave', 'xcrs', 'msrs', 'events', 'debugregs', 'regs'] as const;

let vcpud: VcpudProcess;
let rpcs: Wire;
/** What it holds. */
let still: VmState__Output;

const vmState = async (vmId: string): Promise<VmState__Output> => {
  const { state } = await vcpud.client.vm.GetVmState({ name: vmName(vmId) });
  if (state === null) throw new Error('the answer has no state');
  return state;
};

beforeAll(async () => {
  vcpud = await startVcpud();
  rpcs = new Wire({ endpoint: vcpud.target, tls: undefined, timeoutMs: 60_000 });
  const { client } = vcpud;
  await client.vm.CreateVm({ vmId: STILL, vm: { memoryRegions: [region(0, FIRST_REGION)] } });
  const fresh = onlyVcpu(await vmState(STILL));
  await client.vcpu.SetVcpuState({ name: vcpuName(STILL), state: inGuestMode(fresh) });
  still = await vmState(STILL);
});

afterAll(async () => {
  rpcs.close();
  expect(await vcpud.stop()).toBe(0);
});

const expectNothingChanged = async (): Promise<void> =>
  expect(await unlike({ client: vcpud.client, vmId: STILL }, still)).toEqual([]);

/** How a call ended: well, or with an error. */
async function outcome(call: Promise<unknown>): Promise<ServiceError | undefined> {
  return call.then(
    () => undefined,
    (error: ServiceError) => error,
  );
}

describe('a message that is none', () => {
  for (const rpc of RPCS) {
    test(`${rpc.name}: 5 MiB are refused with RESOURCE_EXHAUSTED`, async () => {
      // Field 15, bytes of that length: no message of the API has one, so only its size is wrong.
      const tag = Buffer.from([0x7a, 0x80, 0x80, 0xc0, 0x02]);
      const error = await outcome(rpcs.callWithBytes(rpc, Buffer.concat([tag, Buffer.alloc(TOO_LARGE)])));
      expect(error?.code).toBe(status.RESOURCE_EXHAUSTED);
    });

    test(`${rpc.name}: bytes that are not protobuf are answered, and the next call too`, async () => {
      // Field 15 of wire type 7, which there is not.
      const error = await outcome(rpcs.callWithBytes(rpc, Buffer.from([0x7f])));
      expect(error?.code).toBe(status.INTERNAL);
      const { host } = await vcpud.client.host.GetHost({});
      expect(host?.nested?.enabled).toBe(true);
    });
  }

  const data = Buffer.alloc(TOO_LARGE);
  const zeroesFirst = { name, gpa: 0, zeroBytes: 1 };
  for (const [rpc, requests] of [
    ['SetNestedState', [{ name: vcpuName(STILL), nestedState: { data } }]],
    ['SetVcpuState', [{ name: vcpuName(STILL), state: { xsave: data } }]],
    ['WriteMemory', [{ name, gpa: 0, data }]],
    ['WriteMemory', [zeroesFirst, { name, gpa: 0, data }]],
  ] as const) {
    test(`${rpc}: 5 MiB in message ${requests.length} change nothing`, async () => {
      const error = await outcome(rpcs.call(rpcOf(rpc), requests));
      expect(error?.code).toBe(status.RESOURCE_EXHAUSTED);
      await expectNothingChanged();
    });
  }
});

// ---------------------------------------------------------------------------------------------------------

const KNOWN_REASONS = new Set<string>([...Object.keys(REASONS), ...RULES.map(({ reason }) => reason)]);
/** Reasons that would mean that vcpud did not foresee the input. */
const BUGS = new Set(['INTERNAL', 'KERNEL_ERROR']);
const RUNS = 100;

/** Bytes of any length, and changes to a few bytes of good ones. */
function someBytes(good: () => Uint8Array, most: number): fc.Arbitrary<Buffer> {
  const edit = fc.record({ at: fc.nat(most - 1), value: fc.nat(255) });
  const edited = fc.array(edit, { minLength: 1, maxLength: 6 }).map((edits) =>
    changed(good(), (copy) => {
      for (const { at, value } of edits) copy.writeUInt8(value, at % copy.length);
    }),
  );
  const any = fc.uint8Array({ maxLength: most, size: 'max' }).map((bytes) => Buffer.from(bytes));
  const cut = fc.nat(most).map((length) => Buffer.from(good().subarray(0, length)));
  return fc.oneof(
    { weight: 6, arbitrary: edited },
    { weight: 2, arbitrary: any },
    { weight: 1, arbitrary: cut },
  );
}

/** The call got an answer that a caller can read; gives whether it was a refusal. */
function expectReadable(error: ServiceError | undefined): boolean {
  if (error === undefined) return false;
  const info = errorInfoOf(error);
  expect(info, `${error.code} ${error.details}`).toBeDefined();
  expect(KNOWN_REASONS).toContain(info?.reason);
  expect(BUGS, error.details).not.toContain(info?.reason);
  return true;
}

describe('bytes at random', () => {
  /** A VM of its own: random states that the kernel takes stay in it. */
  const WILD = { still: 'wild', chips: 'wild-chips' };

  beforeAll(async () => {
    const memoryRegions = [region(0, FIRST_REGION)];
    await vcpud.client.vm.CreateVm({ vmId: WILD.still, vm: { memoryRegions } });
    const fresh = onlyVcpu(await vmState(WILD.still));
    await vcpud.client.vcpu.SetVcpuState({ name: vcpuName(WILD.still), state: inGuestMode(fresh) });
    await vcpud.client.vm.CreateVm({ vmId: WILD.chips, vm: { memoryRegions, irqchip: true, pit: true } });
  });

  /** A refused set leaves what there was, another leaves something that can be read. */
  async function expectSound(vmId: string, before: VmState__Output, refused: boolean): Promise<void> {
    const differences = await unlike({ client: vcpud.client, vmId }, before);
    if (refused) expect(differences).toEqual([]);
  }

  test('as a nested state are taken or refused, and leave the vCPU whole', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        someBytes(svmGuestMode, 4224),
        fc.boolean(),
        async (guest, bytes, dry) => {
          const before = await vmState(WILD.still);
          const nestedState = nestedOf(guest ? bytes : bytes.subarray(0, HEADER_BYTES));
          const call = vcpud.client.nested.SetNestedState({
            name: vcpuName(WILD.still),
            nestedState,
            validateOnly: dry,
          });
          const refused = expectReadable(await outcome(call));
          await expectSound(WILD.still, before, refused || dry);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test('as a part of a vCPU state are taken or refused, and leave the vCPU whole', async () => {
    const good = onlyVcpu(await vmState(WILD.still));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...PARTS).chain((part) =>
          fc.tuple(
            fc.constant(part),
            someBytes(() => good[part], 4096),
          ),
        ),
        async ([part, bytes]) => {
          const before = await vmState(WILD.still);
          const state = { ...good, [part]: bytes };
          const call = vcpud.client.vcpu.SetVcpuState({ name: vcpuName(WILD.still), state });
          await expectSound(WILD.still, before, expectReadable(await outcome(call)));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('as a part of a VM state are taken or refused, and leave the VM whole', async () => {
    const good = await vmState(WILD.chips);
    const [chip] = good.irqchips;
    if (chip === undefined) throw new Error('there is no irqchip');
    const part = fc.oneof(
      someBytes(() => good.clock, 64).map((clock) => ({ clock })),
      someBytes(() => good.pit, 128).map((pit) => ({ pit })),
      fc
        .tuple(
          fc.nat(2),
          someBytes(() => chip, 540),
        )
        .map(([i, bytes]) => ({ irqchips: good.irqchips.map((same, j) => (i === j ? bytes : same)) })),
    );
    await fc.assert(
      fc.asyncProperty(part, async (change) => {
        const before = await vmState(WILD.chips);
        const call = vcpud.client.vm.SetVmState({ name: vmName(WILD.chips), state: { ...good, ...change } });
        await expectSound(WILD.chips, before, expectReadable(await outcome(call)));
      }),
      { numRuns: RUNS / 2 },
    );
  });

  test('as any message of any rpc are answered, and vcpud goes on', async () => {
    // DeleteVm, Reset and the like are among them: on names that no VM has.
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...RPCS), fc.uint8Array({ maxLength: 200 }), async (rpc, bytes) => {
        const error = await outcome(rpcs.callWithBytes(rpc, Buffer.from(bytes)));
        if (error !== undefined && error.code !== status.INTERNAL) expectReadable(error);
      }),
      { numRuns: RUNS },
    );
    const { host } = await vcpud.client.host.GetHost({});
    expect(host?.nested?.enabled).toBe(true);
    expect(vcpud.log()).not.toMatch(/"level":(50|60)/);
  });
});
