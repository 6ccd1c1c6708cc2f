// Callers who give up: deadlines that have passed, calls cancelled at any moment. A vCPU holds what it held or what it was
// given, never something between, and the server serves on.

import type { NestedFormat } from '../../lib/nested/layout.js';
import { VMCB12_CONTROL, VMCS12 } from '../../lib/nested/layout.js';
import { svmGuestMode, vmxGuestMode } from '../vectors/nested-states.js';
import type { Bench } from './bench.js';
import { withNested } from './facing.js';
import { heldText } from './held.js';
import type { Row } from './row.js';
import type { SuiteVcpu } from './suite-vcpu.js';
import { changed, nestedBytes } from './vcpu-facts.js';
import { answerOf, rpcOf } from './wire.js';

const GROUP = 'giving up';

/** Two states in L2 that are told apart by a field that every kernel holds. */
const STATES: Readonly<Record<NestedFormat, (which: 0 | 1) => Buffer>> = {
  SVM: (which) =>
    changed(svmGuestMode(), (copy) => void copy.writeUInt32LE(1 + which, VMCB12_CONTROL.asid.offset)),
  VMX: (which) =>
    changed(vmxGuestMode(), (copy) => void copy.writeUInt16LE(1 + which, VMCS12.virtual_processor_id.offset)),
};

const statesOf = ({ facing }: Bench): readonly Buffer[] => {
  const make = STATES[facing.format as NestedFormat];
  return [make(0), make(1)];
};

/** "a whole state": what it held before, or one of those that it was given. */
async function wholeText(vcpu: SuiteVcpu, given: readonly Buffer[]): Promise<string> {
  const now = await vcpu.nested();
  const whole = [nestedBytes(vcpu.before), ...given].some(
    (state) => heldText(state, now, 'nested state alone') === 'held',
  );
  vcpu.disturb();
  return whole ? 'a whole state' : 'something between';
}

const serves = async (bench: Bench): Promise<string> =>
  (await answerOf(bench.client.host.GetHost({}))) === 'OK' ? 'the server serves' : 'the server is gone';

const SET_CALLS = 6;
/** Turns of the event loop that pass before the calls are given up: from before they are sent to after they are done. */
const TURNS: readonly number[] = [0, 1, 2, 5, 10, 20, 50];

async function cancelled(bench: Bench, turns: number): Promise<string> {
  const vcpu = await bench.vcpu({});
  const states = statesOf(bench);
  const calls = Array.from({ length: SET_CALLS }, (_, i) =>
    bench.wire.begin(rpcOf('SetNestedState'), [{ name: vcpu.name, nestedState: { data: states[i % 2] } }]),
  );
  for (let i = 0; i < turns; i += 1) await new Promise(setImmediate);
  for (const call of calls) call.cancel();
  const answers = await Promise.all(calls.map(({ answer }) => answerOf(answer)));
  const odd = answers.find((answer) => answer !== 'OK' && answer !== 'CANCELLED');
  return `${odd ?? 'done or CANCELLED'}; ${await wholeText(vcpu, states)}; ${await serves(bench)}`;
}

async function late(bench: Bench, ms: number): Promise<string> {
  const vcpu = await bench.vcpu({});
  const states = statesOf(bench);
  const answers = await Promise.all(
    states.map((data) =>
      answerOf(
        bench.wire.callWithin(rpcOf('SetNestedState'), [{ name: vcpu.name, nestedState: { data } }], ms),
      ),
    ),
  );
  const odd = answers.find((answer) => answer !== 'DEADLINE_EXCEEDED' && !(ms > 0 && answer === 'OK'));
  const ended = odd ?? (ms > 0 ? 'done or DEADLINE_EXCEEDED' : 'DEADLINE_EXCEEDED');
  return `${ended}; ${await wholeText(vcpu, states)}; ${await serves(bench)}`;
}

export const CANCEL_ROWS: readonly Row[] = [
  {
    group: GROUP,
    name: 'SetNestedState with a deadline that has passed',
    needs: [withNested],
    expected: () => 'DEADLINE_EXCEEDED; a whole state; the server serves',
    run: (bench) => late(bench, -1),
  },
  ...[1, 5, 20].map(
    (ms): Row => ({
      group: GROUP,
      name: `SetNestedState with a deadline in ${ms} ms`,
      needs: [withNested],
      expected: () => 'done or DEADLINE_EXCEEDED; a whole state; the server serves',
      run: (bench) => late(bench, ms),
    }),
  ),
  ...TURNS.map(
    (turns): Row => ({
      group: GROUP,
      name: `${SET_CALLS} SetNestedState cancelled after ${turns} turns`,
      needs: [withNested],
      expected: () => 'done or CANCELLED; a whole state; the server serves',
      run: (bench) => cancelled(bench, turns),
    }),
  ),
  {
    group: GROUP,
    name: 'every unary rpc with a deadline that has passed',
    expected: () => 'DEADLINE_EXCEEDED; the server serves',
    run: async (bench) => {
      for (const name of ['GetHost', 'ListVms', 'GetVm', 'GetVmState', 'GetNestedState', 'Reset']) {
        const answer = await answerOf(bench.wire.callWithin(rpcOf(name), [{}], -1));
        if (answer !== 'DEADLINE_EXCEEDED') return `${name}: ${answer}`;
      }
      return `DEADLINE_EXCEEDED; ${await serves(bench)}`;
    },
  },
  {
    group: GROUP,
    name: 'ReadMemory cancelled after its first chunk, ten times; then all of it',
    expected: () => '1048576 bytes; the server serves',
    run: async (bench) => {
      const { name, gpa, bytes: sizeBytes } = await bench.scratchMemory();
      await bench.client.writeMemory([{ name, gpa, data: Buffer.alloc(sizeBytes, 1) }]);
      const request = { name, gpa, sizeBytes, chunkBytes: 65_536 };
      for (let i = 0; i < 10; i += 1) {
        for await (const _ of bench.client.readMemory(request)) break; // cancels
      }
      let bytes = 0;
      for await (const { data } of bench.client.readMemory(request)) bytes += data?.length ?? 0;
      return `${bytes} bytes; ${await serves(bench)}`;
    },
  },
  {
    group: GROUP,
    name: 'WriteMemory cancelled in the middle: whole chunks, in order',
    expected: () => 'whole chunks; the server serves',
    run: async (bench) => {
      const { name, gpa, bytes } = await bench.scratchMemory();
      const CHUNK = 65_536;
      await bench.client.writeMemory([{ name, gpa, zeroBytes: bytes }]);
      const chunks = Array.from({ length: bytes / CHUNK }, (_, i) => ({
        name,
        gpa: gpa + i * CHUNK,
        data: Buffer.alloc(CHUNK, 0xcd),
      }));
      const call = bench.wire.begin(rpcOf('WriteMemory'), chunks);
      for (let i = 0; i < 10; i += 1) await new Promise(setImmediate);
      call.cancel();
      await answerOf(call.answer);
      const held = Buffer.alloc(bytes);
      for await (const { data, ...piece } of bench.client.readMemory({ name, gpa, sizeBytes: bytes })) {
        data?.copy(held, Number(piece.gpa) - gpa);
      }
      const written = held.lastIndexOf(0xcd) + 1;
      const whole = written % CHUNK === 0 && held.subarray(0, written).every((byte) => byte === 0xcd);
      return `${whole ? 'whole chunks' : `${written} bytes, or with holes`}; ${await serves(bench)}`;
    },
  },
  {
    group: GROUP,
    name: 'WatchVm cancelled, ten times; then one that sees the VM',
    expected: () => 'VM_RUN_STATE_PAUSED; the server serves',
    run: async (bench) => {
      const { name } = await bench.scratchMemory();
      let last = 'nothing';
      for (let i = 0; i <= 10; i += 1) {
        for await (const { vm } of bench.client.watchVm({ name })) {
          last = vm?.runState ?? 'another event';
          break; // cancels
        }
      }
      return `${last}; ${await serves(bench)}`;
    },
  },
];
