// The rules about nested states against the kernel that has them: what vcpud refuses the kernel refuses too, what the
// kernel takes vcpud lets pass, and a vCPU that refused a state holds what it held.

// First of all: ffi-rs, for the vCPUs of this process.
import '../../lib/os/libc.js';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { vcpuSnapshot, vcpuState } from '../../lib/api/vcpu-state.js';
import { vcpuFacts } from '../../lib/kvm/vcpu-facts.js';
import { read, viewOf, write } from '../../lib/nested/codec.js';
import { compareNestedStates } from '../../lib/nested/compare.js';
import {
  FIELDS,
  type Field,
  FLAG,
  HEADER_BYTES,
  SVM_GUEST_BYTES,
  VMCB12_SAVE,
} from '../../lib/nested/layout.js';
import { PROBES } from '../../lib/nested/probes.js';
import type { VcpuFacts } from '../../lib/nested/rule.js';
import { checkNestedState, RULES, type RuleReason } from '../../lib/nested/rules.js';
import { getNested } from '../../lib/state/nested-access.js';
import { FORMER_STATE, putBack } from '../../lib/state/put-back.js';
import { differences } from '../../lib/state/snapshot-compare.js';
import type { VcpuSnapshot } from '../../lib/state/vcpu-components.js';
import { guestShape, NORMAL, readCounters } from '../guests/guest.js';
import {
  countersWhen,
  everyVcpuInL2,
  expectNoPanic,
  l2Progress,
  nameOf,
  onlyVcpu,
  pauseWhen,
  startGuest,
  type VmRef,
  vcpuOf,
} from '../harness/live-guest.js';
import { refusalOf } from '../harness/refusal.js';
import {
  createScratchVcpu,
  L1_IN_LONG_MODE,
  type ScratchVcpu,
  type SettableFacts,
  withFacts,
} from '../harness/scratch-vcpu.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';
import type { Watcher } from '../harness/watcher.js';
import {
  caseBytes,
  type RuleCase,
  SVM_RULE_CASES,
  SVM_SELFTEST,
  svmGuestMode,
  svmHeaderOnly,
  vmxOff,
} from '../vectors/nested-states.js';

let vcpud: VcpudProcess;
/** A VM whose vCPU is paused in a live L2, its state then, and the rules that its host enforces. */
let live: VmRef;
let watcher: Watcher;
let liveState: VcpuSnapshot;
let enforced: ReadonlySet<string>;
/** A VM whose vCPU has never run: its registers and CPUID can be anything that the kernel takes. */
let blank: VmRef;
let blankState: VcpuSnapshot;
let scratch: ScratchVcpu;
let scratchState: VcpuSnapshot;

beforeAll(async () => {
  vcpud = await startVcpud();
  const { client } = vcpud;
  enforced = new Set((await client.host.GetHost({})).host?.enforcedRules);
  live = { client, vmId: 'live' };
  watcher = await startGuest(live, { ...NORMAL, report: 1024 });
  await countersWhen(live, 'L2 to count', ({ l2Count }) => l2Count > 0n);
  liveState = vcpuSnapshot(onlyVcpu(await pauseWhen(live, 'the vCPU in L2', everyVcpuInL2)));
  blank = { client, vmId: 'blank' };
  await client.vm.CreateVm({ vmId: blank.vmId, vm: guestShape(1) });
  blankState = withFacts(await stateOf(blank), L1_IN_LONG_MODE);
  scratch = createScratchVcpu();
  scratchState = withFacts(scratch.capture(), L1_IN_LONG_MODE);
});

afterAll(async () => {
  scratch.close();
  watcher.stop();
  expect(await vcpud.stop()).toBe(0);
});

async function stateOf(vm: VmRef): Promise<VcpuSnapshot> {
  const { state } = await vm.client.vcpu.GetVcpuState({ name: vcpuOf(vm) });
  if (state === null) throw new Error('the answer has no state');
  // As a request takes it.
  return vcpuSnapshot(state);
}

const give = (vm: VmRef, snapshot: VcpuSnapshot) =>
  vm.client.vcpu.SetVcpuState({ name: vcpuOf(vm), state: vcpuState(snapshot) });

const set = (vm: VmRef, data: Uint8Array, validateOnly = false) =>
  vm.client.nested.SetNestedState({
    name: vcpuOf(vm),
    nestedState: { data: Buffer.from(data) },
    validateOnly,
  });

/** The vCPU holds what it held, to the byte where the nested state is concerned. */
async function expectUnchanged(vm: VmRef, before: VcpuSnapshot): Promise<void> {
  const after = await stateOf(vm);
  expect(differences(before, after)).toEqual([]);
  expect(after.nested).toEqual(before.nested);
}

const ruleOf = (reason: RuleReason) => {
  const rule = RULES.find((candidate) => candidate.reason === reason);
  if (rule === undefined) throw new Error(`there is no rule ${reason}`);
  return rule;
};

/** Whether the kernel at hand has the rule, or vcpud has it whatever the kernel. */
const applies = (reason: RuleReason): boolean => !ruleOf(reason).varies || enforced.has(reason);

/** What a row asks of the vCPU, in registers that go together. */
function settable({ vcpu = {} }: RuleCase): SettableFacts {
  // Neither kernel nor vcpud takes an illegal CR3 while the vCPU is in long mode.
  if (vcpu.cr3 !== undefined) return { efer: 0x1000n, cr0: 0x11n, cr3: vcpu.cr3 };
  const { separateL2Pat: _quirk, ...facts } = vcpu;
  return facts;
}

const byName = (rows: readonly RuleCase[]) => rows.map((row) => [`${row.name}: ${row.reason}`, row] as const);

/** Without bytes there is no state to break a rule. */
const NO_BYTES = SVM_RULE_CASES.filter(({ length }) => length === 0);
/** What no call can make of a vCPU on a kernel that does not have the quirk. */
const BEHIND_A_QUIRK = SVM_RULE_CASES.filter(({ vcpu }) => vcpu?.separateL2Pat === true);
const OF_THE_BYTES = SVM_RULE_CASES.filter((row) => row.vcpu === undefined && !NO_BYTES.includes(row));
const OF_THE_VCPU = SVM_RULE_CASES.filter((row) => row.vcpu !== undefined && !BEHIND_A_QUIRK.includes(row));

describe('a vCPU in a live L2 refuses, and holds that L2 to the byte', () => {
  test.each(byName(OF_THE_BYTES))('%s', async (_name, row) => {
    const { reason } = row;
    const bytes = caseBytes(row, () => Uint8Array.from(liveState.nested ?? []), vcpuFacts(liveState));
    if (!applies(reason)) {
      // This kernel lacks the rule, and so has vcpud: it lets the state pass.
      expect((await set(live, bytes, true)).nestedState?.data).toEqual(Buffer.from(bytes));
      return;
    }
    for (const validateOnly of [true, false]) {
      const refusal = await refusalOf(set(live, bytes, validateOnly));
      expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', reason });
      expect(refusal.metadata).toEqual({
        errno: 'EINVAL',
        field: ruleOf(reason).field,
        source: ruleOf(reason).source,
      });
      expect(refusal.fieldViolations).toMatchObject([{ field: `nested_state.data:${ruleOf(reason).field}` }]);
    }
    await expectUnchanged(live, liveState);
  });

  test('no bytes at all: FIELD_REQUIRED', async () => {
    expect(NO_BYTES).toHaveLength(1);
    for (const data of [undefined, Buffer.alloc(0)]) {
      const call = live.client.nested.SetNestedState({
        name: vcpuOf(live),
        nestedState: data === undefined ? null : { data },
      });
      expect(await refusalOf(call)).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'FIELD_REQUIRED' });
    }
    await expectUnchanged(live, liveState);
  });

  test.each([
    ['a VMX state that is a header alone', vmxOff()],
    ['a VMX state of 4224 bytes', Uint8Array.from([...vmxOff(), ...new Uint8Array(4096)])],
    ['an SVM state that says it is VMX', svmHeaderOnly({ format: 0 })],
  ])('%s: SVM_FORMAT_MISMATCH', async (_name, bytes) => {
    expect(await refusalOf(set(live, bytes))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'SVM_FORMAT_MISMATCH',
    });
    await expectUnchanged(live, liveState);
  });

  test.each([
    ['EVMCS', FLAG.EVMCS],
    ['MTF_PENDING', FLAG.MTF_PENDING],
    ['both', FLAG.EVMCS | FLAG.MTF_PENDING],
  ])("VMX's flag %s, out of guest mode too: SVM_FLAGS_ILLEGAL", async (_name, flags) => {
    expect(await refusalOf(set(live, svmHeaderOnly({ flags: flags | FLAG.GIF_SET })))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'SVM_FLAGS_ILLEGAL',
    });
    await expectUnchanged(live, liveState);
  });

  test.each([
    ['VMXE', 13n, 'SVM_HOST_CR4_FEATURE_UNSUPPORTED'],
    ['SMXE', 14n, 'SVM_HOST_CR4_FEATURE_UNSUPPORTED'],
    ['bit 33', 33n, 'SVM_HOST_CR4_RESERVED_BITS'],
  ])("a CR4 of L1's with %s, which no guest of this host has", async (_bit, bit, reason) => {
    const bytes = Buffer.from(liveState.nested ?? []);
    const view = viewOf(bytes);
    write(view, VMCB12_SAVE.cr4, read(view, VMCB12_SAVE.cr4) | (1n << bit));
    for (const validateOnly of [true, false]) {
      const refusal = await refusalOf(set(live, bytes, validateOnly));
      expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', reason });
    }
    expect((scratch.rules.refused?.cr4 ?? 0n) & (1n << bit)).not.toBe(0n);
    await expectUnchanged(live, liveState);
  });

  test.each([
    ['the first header byte without a name', 24],
    ['the last header byte', HEADER_BYTES - 1],
  ])('%s, which the kernel takes and does not hold: NESTED_STATE_NOT_HELD', async (_name, offset) => {
    const bytes = Buffer.from(liveState.nested ?? []);
    bytes[offset] = 0xa5;
    const refusal = await refusalOf(set(live, bytes));
    expect(refusal).toMatchObject({ code: 'DATA_LOSS', reason: 'NESTED_STATE_NOT_HELD' });
    expect(refusal.metadata).toEqual({ fields: 'hdr', vcpu_holds: 'former state' });
    await expectUnchanged(live, liveState);
  });

  test('a state out of guest mode that the kernel takes and does not hold, and is in L2 as before', async () => {
    const bytes = Buffer.from(svmHeaderOnly());
    bytes[64] = 1;
    const refusal = await refusalOf(set(live, bytes));
    expect(refusal).toMatchObject({ code: 'DATA_LOSS', reason: 'NESTED_STATE_NOT_HELD' });
    expect(refusal.metadata['vcpu_holds']).toBe('former state');
    await expectUnchanged(live, liveState);
  });

  test('and after all that L2 counts on', async () => {
    const before = await readCounters(live.client, live.vmId, 0);
    await live.client.vm.RunVm({ name: nameOf(live) });
    await l2Progress(live, before);
    expectNoPanic(watcher);
    await live.client.vm.PauseVm({ name: nameOf(live) });
  });
});

describe('a vCPU with other registers or another CPUID refuses', () => {
  test.each(byName(OF_THE_VCPU))('%s', async (_name, row) => {
    const prepared = withFacts(blankState, settable(row));
    if (row.reason === 'SVM_L2_CR0_NW_WITHOUT_CD') {
      // The kernel lets no vCPU have such a CR0 any more: later 6.1.y, and 6.6 on.
      const refusal = await refusalOf(give(blank, prepared));
      expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'KERNEL_REFUSED_STATE' });
      expect(refusal.metadata).toMatchObject({ errno: 'EINVAL', vcpu_holds: 'former state' });
      return;
    }
    await give(blank, prepared);
    const before = await stateOf(blank);
    const bytes = caseBytes(row, svmGuestMode, vcpuFacts(before));
    const refusal = await refusalOf(set(blank, bytes));
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', reason: row.reason });
    expect(refusal.metadata).not.toHaveProperty('vcpu_holds');
    await expectUnchanged(blank, before);
  });

  test('none of it where they are as they should be', async () => {
    await give(blank, blankState);
    const { nestedState, ignored } = await set(blank, svmGuestMode());
    expect(nestedState?.data).toHaveLength(SVM_GUEST_BYTES);
    // The kernel takes DR6 from the debug registers.
    expect(ignored.map(({ field }) => field)).toEqual([VMCB12_SAVE.dr6.path]);
  });
});

describe('the kernel itself, past vcpud,', () => {
  /** The kernel would copy past the end of such bytes: vcpud's own rules keep them from it. */
  const ofTheKernel = SVM_RULE_CASES.filter(({ reason }) => ruleOf(reason).origin === 'kernel');

  test('is asked what GetHost says of it', () => {
    expect([...scratch.rules.enforced].sort()).toEqual([...enforced].sort());
    expect(enforced.size).toBeGreaterThan(0);
  });

  test.each(byName(ofTheKernel))('%s: says what vcpud says', (_name, row) => {
    const prepared = withFacts(scratchState, settable(row));
    if (row.reason === 'SVM_L2_CR0_NW_WITHOUT_CD') {
      expect(() => scratch.give(prepared)).toThrow('EINVAL');
      return;
    }
    scratch.give(prepared);
    const facts = vcpuFacts(scratch.capture());
    const bytes = caseBytes(row, svmGuestMode, facts);
    const verdict = checkNestedState(bytes, facts, scratch.rules)?.reason;
    expect([verdict, scratch.ask(bytes)]).toEqual(
      applies(row.reason) ? [row.reason, 'EINVAL'] : [undefined, 'taken'],
    );
  });

  test.each(SVM_SELFTEST.map((row) => [`${row.id} ${row.name}`, row] as const))(
    "its selftest's %s: says what vcpud says",
    (_name, row) => {
      const { efer } = row.vcpu;
      scratch.give(withFacts(scratchState, { efer }));
      const verdict =
        checkNestedState(row.bytes(), vcpuFacts(scratch.capture()), scratch.rules)?.reason ?? 'OK';
      expect(verdict).toBe(row.verdict === 'OK' || applies(row.verdict) ? row.verdict : 'OK');
      expect(scratch.ask(row.bytes())).toBe(verdict === 'OK' ? 'taken' : 'EINVAL');
    },
  );

  test.each(PROBES.SVM.map((probe) => [probe.reason, probe] as const))(
    'enforces %s in every state that breaks it, or in none that would tell',
    (reason, { svme, states }) => {
      scratch.give(withFacts(scratchState, { efer: svme ? 0x1500n : 0x500n }));
      const { maxPhyAddr } = vcpuFacts(scratch.capture());
      const answers = states(maxPhyAddr, new Map()).map((state) => scratch.ask(state));
      expect(answers.every((answer) => answer === 'EINVAL')).toBe(enforced.has(reason));
    },
  );

  test('fails an illegal CR3 after it has entered guest mode: the way back leads to the former state', () => {
    const { cr3 } = SVM_RULE_CASES.find(({ reason }) => reason === 'SVM_L2_CR3_ILLEGAL')?.vcpu ?? {};
    expect(cr3).toBeDefined();
    scratch.give(withFacts(scratchState, { efer: 0x1000n, cr0: 0x11n, cr3: cr3 ?? 0n }));
    const former = scratch.capture();
    expect(scratch.ask(svmGuestMode())).toBe('EINVAL');
    expect(differences(former, scratch.capture())).toEqual(['nested.flags']);
    expect(putBack(scratch.vcpu, former)).toBe(FORMER_STATE);
    expect(differences(former, scratch.capture())).toEqual([]);
    expect(scratch.capture().nested).toEqual(former.nested);
  });

  test('takes the way back to an L2 from a vCPU that is wrecked in every part', () => {
    scratch.give(scratchState);
    expect(scratch.ask(svmGuestMode())).toBe('taken');
    const former = scratch.capture();
    const regs = Buffer.from(former.regs ?? []);
    for (let at = 0; at < 128; at += 8) regs.writeBigUInt64LE(0x1111n * BigInt(at + 1), at);
    const wrecked = withFacts(
      { ...scratchState, regs },
      { cr0: 0x11n, cr4: 0n, efer: 0x1000n, cr3: 0x7000n },
    );
    scratch.give({ ...wrecked, nested: Buffer.from(svmHeaderOnly({ flags: 0 })) });
    expect(differences(former, scratch.capture()).length).toBeGreaterThan(2);
    expect(putBack(scratch.vcpu, former)).toBe(FORMER_STATE);
    expect(differences(former, scratch.capture())).toEqual([]);
    expect(scratch.capture().nested).toEqual(former.nested);
  });
});

describe('any state that is one to three changes from a valid one', () => {
  const RUNS = 600;
  /** Where only the kernel knows: registers of L1's with bits that this kernel or this guest lacks, and a later one may have. */
  const LEFT_TO_THE_KERNEL = [VMCB12_SAVE.cr4, VMCB12_SAVE.efer];
  /** What the kernel takes and does not hold, and vcpud says so: header bytes that only a newer kernel knows. */
  const NOT_HELD = ['hdr', 'hdr.svm.gpat'];

  type NumberField = Field<'u8' | 'u16' | 'u32' | 'u64'>;
  const NUMBERS = FIELDS.SVM.filter((field): field is NumberField => field.type !== 'bytes');
  const JUDGED = NUMBERS.filter(({ path }) => RULES.some(({ field }) => field === path));
  const value = (bytes: number): fc.Arbitrary<bigint> => {
    const most = (1n << BigInt(8 * bytes)) - 1n;
    return fc.oneof(
      fc.constantFrom(0n, 1n, most, most >> 1n),
      fc.nat(8 * bytes - 1).map((bit) => 1n << BigInt(bit)),
      fc.bigInt({ min: 0n, max: most }),
    );
  };
  interface Change {
    readonly path: string;
    readonly apply: (bytes: Uint8Array) => void;
  }
  /** A field is set, or has some of its bits flipped. */
  const fieldChange = (fields: readonly NumberField[]): fc.Arbitrary<Change> =>
    fc.constantFrom(...fields).chain((field) =>
      fc.record({ to: value(field.bytes), flip: fc.boolean() }).map(({ to, flip }) => ({
        path: `${field.path} ${flip ? '^' : '='} 0x${to.toString(16)}`,
        apply: (bytes) => {
          const at = Buffer.from(bytes.buffer, bytes.byteOffset + field.offset, field.bytes);
          const now = BigInt(`0x${Buffer.from(at).reverse().toString('hex')}`);
          const digits = (flip ? now ^ to : to).toString(16).padStart(2 * field.bytes, '0');
          Buffer.from(digits, 'hex').reverse().copy(at);
        },
      })),
    );
  const byteChange: fc.Arbitrary<Change> = fc
    .record({ offset: fc.nat(SVM_GUEST_BYTES - 1), to: fc.nat(255) })
    .map(({ offset, to }) => ({
      path: `byte ${offset} = ${to}`,
      apply: (bytes) => {
        bytes[offset] = to;
      },
    }));
  const changes = fc.array(fc.oneof(fieldChange(NUMBERS), fieldChange(JUDGED), byteChange), {
    minLength: 1,
    maxLength: 3,
  });

  test('is refused by vcpud only where the kernel refuses it, and held where the kernel takes it', () => {
    scratch.give(scratchState);
    const former = scratch.capture();
    const facts: VcpuFacts = vcpuFacts(former);
    const tally = { taken: 0, refusedByBoth: 0, refusedByTheKernelAlone: 0, keptFromTheKernel: 0 };
    fc.assert(
      fc.property(changes, (list) => {
        const bytes = svmGuestMode();
        for (const { apply } of list) apply(bytes);
        const violation = checkNestedState(bytes, facts, scratch.rules);
        scratch.give(scratchState);
        const answer = scratch.ask(bytes);
        if (violation?.origin === 'service') {
          tally.keptFromTheKernel += 1;
        } else if (violation !== undefined) {
          tally.refusedByBoth += 1;
          expect(answer).toBe('EINVAL');
        } else if (answer === 'taken') {
          tally.taken += 1;
          const { lost } = compareNestedStates(bytes, getNested(scratch.vcpu));
          expect(lost.map(({ field }) => field).filter((field) => !NOT_HELD.includes(field))).toEqual([]);
        } else {
          tally.refusedByTheKernelAlone += 1;
          expect(answer).toBe('EINVAL');
          const changed = LEFT_TO_THE_KERNEL.filter(
            (field) => read(viewOf(bytes), field) !== read(viewOf(svmGuestMode()), field),
          );
          expect(changed).not.toEqual([]);
        }
      }),
      { numRuns: RUNS },
    );
    // Both ways were gone often enough to mean something.
    expect(tally.taken).toBeGreaterThan(RUNS / 10);
    expect(tally.refusedByBoth).toBeGreaterThan(RUNS / 10);
    expect(tally.refusedByTheKernelAlone).toBeLessThan(RUNS / 10);
  });
});
