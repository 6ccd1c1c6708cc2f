// The error contract of every rpc (contract.ts), messages that are none, and the services that stand beside: health and
// reflection. What is refused must change nothing.

import type { Bench } from './bench.js';
import { CONTRACT } from './contract.js';
import type { Wrong } from './contract-entry.js';
import { contractWorld, worldText } from './contract-world.js';
import type { Row } from './row.js';
import { answerOf, type Refusal, RPCS, refusalOf, rpcOf } from './wire.js';

const GROUP = 'contract';

// ---------------------------------------------------------------------------------------------------------
// Refusals

const metadataText = (metadata: Readonly<Record<string, string>>, names: readonly string[]): string =>
  names.map((name) => `${name}=${metadata[name] ?? ''}`).join(' ');

function expectedText({ code, reason, field, subject, metadata = {} }: Wrong): string {
  const names = Object.keys(metadata);
  return [
    `${code} ${reason}`,
    ...(field === undefined ? [] : [`field ${field}`]),
    ...(subject === undefined ? [] : [`subject ${subject}`]),
    ...(names.length === 0 ? [] : [metadataText(metadata, names)]),
  ].join('; ');
}

function gotText(refusal: Refusal | undefined, { metadata = {} }: Wrong): string {
  if (refusal === undefined) return 'OK';
  const { code, reason, domain, fieldViolations, preconditionViolations } = refusal;
  const names = Object.keys(metadata);
  const fields = fieldViolations.map(({ field }) => field);
  return [
    `${code} ${reason}`,
    ...(fields.length === 0 ? [] : [`field ${fields.join(', ')}`]),
    ...preconditionViolations.map(({ subject }) => `subject ${subject}`),
    ...(names.length === 0 ? [] : [metadataText(refusal.metadata, names)]),
    ...(domain === 'vcpud' ? [] : [`domain ${domain}`]),
  ].join('; ');
}

async function ask(bench: Bench, wrong: Wrong): Promise<string> {
  const { ground } = bench;
  const calls = await wrong.calls(await contractWorld(ground));
  const rpc = rpcOf(wrong.rpc);
  const answers = await Promise.all(
    calls.map(async (call) => {
      const messages = Array.isArray(call) ? call : [call];
      return ground.plain(gotText(await refusalOf(bench.wire.call(rpc, messages)), wrong));
    }),
  );
  const odd = answers.findIndex((answer) => answer !== answers[0]);
  if (odd < 0) return answers[0] ?? 'nothing was asked';
  return `call 0: ${answers[0]}, call ${odd}: ${answers[odd]}`;
}

/** Those that every call of an entry gets, once for all of them. */
const REFUSAL_ROWS: readonly Row[] = CONTRACT.map((wrong) => ({
  group: GROUP,
  name: `${wrong.rpc}: ${wrong.what}`,
  ...(wrong.needs === undefined ? {} : { needs: wrong.needs }),
  expected: () => expectedText(wrong),
  run: (bench) => ask(bench, wrong),
}));

// ---------------------------------------------------------------------------------------------------------
// Messages that are none

const TOO_LARGE = 5 * 1024 * 1024;

/** Field 15, bytes of that length: no message of the API has one, so that only its size is wrong. */
const tooLarge = (): Buffer =>
  Buffer.concat([Buffer.from([0x7a, 0x80, 0x80, 0xc0, 0x02]), Buffer.alloc(TOO_LARGE)]);
/** Field 15 of wire type 7, which there is not. */
const NOT_PROTOBUF = Buffer.from([0x7f]);

/** Rpcs whose messages can be large, by their tables in protos/. */
const LARGE: readonly string[] = [
  'CheckCompatibility',
  'SetNestedState',
  'ValidateNestedState',
  'SetVcpuState',
  'SetVmState',
  'WriteMemory',
  'WriteConsole',
  'ReceiveVm',
];

const MESSAGE_ROWS: readonly Row[] = [
  ...LARGE.map(
    (name): Row => ({
      group: GROUP,
      name: `${name}: a message of 5 MiB (MESSAGE_TOO_LARGE)`,
      // gRPC itself answers, without details.
      expected: () => 'RESOURCE_EXHAUSTED',
      run: (bench) => answerOf(bench.wire.callWithBytes(rpcOf(name), tooLarge())),
    }),
  ),
  {
    group: GROUP,
    name: `bytes that are no protobuf, to each of ${RPCS.length} rpcs`,
    expected: () => 'INTERNAL',
    run: async (bench) => {
      for (const rpc of RPCS) {
        const answer = await answerOf(bench.wire.callWithBytes(rpc, NOT_PROTOBUF));
        if (answer !== 'INTERNAL') return `${rpc.name}: ${answer}`;
      }
      return 'INTERNAL';
    },
  },
  {
    group: GROUP,
    name: 'an rpc that there is not',
    expected: () => 'UNIMPLEMENTED',
    run: (bench) => answerOf(bench.wire.bytesOf('/vcpud.v1.VmService/MigrateVm', Buffer.alloc(0))),
  },
];

// ---------------------------------------------------------------------------------------------------------
// Health and reflection, in protobuf's own bytes: no library's idea of them is asked

const SERVICES: readonly string[] = [...new Set(RPCS.map(({ service }) => `vcpud.v1.${service}`))];

/** A message of one field, of wire type 2. */
function message(field: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([(field << 3) | 2, bytes.length]), bytes]);
}

/** HealthCheckResponse: field 1, a varint; 1 is SERVING. */
const SERVING = Buffer.from([0x08, 0x01]);
const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';

const BESIDE_ROWS: readonly Row[] = [
  {
    group: GROUP,
    name: 'health: the server and each of its services',
    expected: () => 'SERVING',
    run: async (bench) => {
      for (const name of ['', ...SERVICES]) {
        const request = name === '' ? Buffer.alloc(0) : message(1, name);
        const answer = await bench.wire.bytesOf('/grpc.health.v1.Health/Check', request);
        if (!answer.equals(SERVING)) return `${name || 'the server'}: ${answer.toString('hex')}`;
      }
      return 'SERVING';
    },
  },
  {
    group: GROUP,
    name: 'health: a service that there is not',
    expected: () => 'NOT_FOUND',
    run: (bench) => answerOf(bench.wire.bytesOf('/grpc.health.v1.Health/Check', message(1, 'vcpud.v1.None'))),
  },
  {
    group: GROUP,
    name: 'reflection: lists every service',
    expected: () => SERVICES.join(', '),
    run: async (bench) => {
      const LIST_SERVICES = 7;
      const answer = await bench.wire.bytesOf(REFLECTION, message(LIST_SERVICES, '*'));
      return SERVICES.filter((name) => answer.includes(name)).join(', ');
    },
  },
  {
    group: GROUP,
    name: 'reflection: describes a service, rpc by rpc',
    expected: () => 'every rpc',
    run: async (bench) => {
      const FILE_CONTAINING_SYMBOL = 4;
      for (const { service, name } of RPCS) {
        const symbol = `vcpud.v1.${service}`;
        const answer = await bench.ground.once(`reflection ${symbol}`, () =>
          bench.wire.bytesOf(REFLECTION, message(FILE_CONTAINING_SYMBOL, symbol)),
        );
        if (!answer.includes(name)) return `${symbol} without ${name}`;
      }
      return 'every rpc';
    },
  },
];

export const CONTRACT_ROWS: readonly Row[] = [...REFUSAL_ROWS, ...MESSAGE_ROWS, ...BESIDE_ROWS];

/** After all others. */
export const CONTRACT_END: Row = {
  group: GROUP,
  name: 'and the VMs that refused hold what they held',
  expected: () => 'unchanged',
  run: (bench) => worldText(bench.ground),
};
