// MigrationService: a VM on its way from one vcpud to another.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Logger } from 'pino';
import type { Peers } from '../lib/api/peers.js';
import { VcpudError } from '../lib/errors/vcpud-error.js';
import { commitVm, rehearse, writePages } from '../lib/transfer/receiver.js';
import { type Part, VmSender } from '../lib/transfer/sender.js';
import type { Vm } from '../lib/vm/vm.js';
import type { VmRegistry } from '../lib/vm/vm-registry.js';
import type { MigrationServiceHandlers } from '../protos/gen/vcpud/v1/MigrationService.js';
import type { ReceiveVmRequest__Output } from '../protos/gen/vcpud/v1/ReceiveVmRequest.js';
import type { ReceiveVmResponse } from '../protos/gen/vcpud/v1/ReceiveVmResponse.js';
import type { SendVmRequest__Output } from '../protos/gen/vcpud/v1/SendVmRequest.js';
import type { SendVmResponse } from '../protos/gen/vcpud/v1/SendVmResponse.js';
import type { SwitchPart } from '../protos/gen/vcpud/v1/SwitchPart.js';
import { duplexStream, type Reply, unary } from './handlers.js';
import { duration, vmConfig, vmMessage } from './messages.js';
import { parseVmName } from './names.js';

const MIGRATION_ID = /^[A-Za-z0-9-]{1,64}$/;
/** How long a prepared VM waits for its source, ms. */
const PREPARED_MS = 60_000;
/** No unary call is made to a destination: its streams have no deadline. */
const CALL_TIMEOUT_MS = 60_000;

/** A VM that waits for its source, or receives from it. */
interface Expected {
  readonly vm: Vm;
  readonly token: Buffer;
  readonly forget: NodeJS.Timeout;
}

export function migrationService(vms: VmRegistry, peers: Peers, log: Logger): MigrationServiceHandlers {
  /** By VM id. */
  const expected = new Map<string, Expected>();

  /** Deletes a VM that did not arrive; one that is gone already, or another of its name, is let be. */
  const discard = async (vm: Vm): Promise<void> => {
    expected.delete(vm.config.id);
    if (vms.find(vm.config.id) === vm) await vms.delete(vm.config.id);
  };

  return {
    PrepareVm: unary(log, async ({ vmId, vm, migrationId }) => {
      if (vm === null) throw VcpudError.of('FIELD_REQUIRED', 'vm is required', { field: 'vm' });
      checkMigrationId(migrationId);
      const made = await vms.create({ ...vmConfig(vmId, vm), linuxBoot: undefined });
      made.migration = { id: migrationId, phase: 'PREPARED', peer: '' };
      const token = randomBytes(32);
      const forget = setTimeout(() => {
        if (made.migration?.phase === 'PREPARED') void discard(made);
      }, PREPARED_MS).unref();
      expected.set(made.config.id, { vm: made, token, forget });
      return { vm: vmMessage(made), token: token.toString('base64url') };
    }),

    SendVm: duplexStream(log, (requests, reply) => send(vms, peers, requests, reply)),

    ReceiveVm: duplexStream(log, (requests, reply) => receive(expected, discard, requests, reply)),

    ResolveMigration: unary(log, async ({ name, migrationId, outcome }, caller) => {
      const vm = vms.get(parseVmName(name));
      if (outcome !== 'MIGRATION_OUTCOME_RUN_HERE' && outcome !== 'MIGRATION_OUTCOME_ABANDON')
        throw VcpudError.of('FIELD_REQUIRED', 'outcome is required', { field: 'outcome' });
      const abandon = outcome === 'MIGRATION_OUTCOME_ABANDON';
      await vm.resolveMigration(caller, migrationId, abandon ? 'ABANDON' : 'RUN_HERE');
      if (abandon) await discard(vm);
      return { vm: abandon ? null : vmMessage(vm) };
    }),
  };
}

function checkMigrationId(id: string): void {
  if (MIGRATION_ID.test(id)) return;
  throw VcpudError.of('MIGRATION_ID_MALFORMED', 'migration_id must be 1 to 64 letters, digits and -', {
    field: 'migration_id',
    metadata: { migration_id: id },
  });
}

async function send(
  vms: VmRegistry,
  peers: Peers,
  requests: AsyncIterable<SendVmRequest__Output>,
  reply: Reply<SendVmResponse>,
): Promise<void> {
  let sending: { readonly sender: VmSender; readonly vm: Vm; readonly close: () => void } | undefined;
  try {
    for await (const request of requests) {
      if (request.start !== null && request.start !== undefined) {
        if (sending !== undefined) throw commandOutOfPlace('start comes first, and once');
        const { name, migrationId, destination, token, bandwidthBytesPerSecond } = request.start;
        const vm = vms.get(parseVmName(name));
        checkMigrationId(migrationId);
        const client = connect(peers, destination);
        try {
          await vm.beginSending(reply.caller, migrationId, destination);
        } catch (error) {
          client.close();
          throw error;
        }
        const link = client.receiveVm();
        const close = () => {
          link.cancel();
          client.close();
        };
        sending = {
          vm,
          close,
          sender: new VmSender(vm, link, Number(bandwidthBytesPerSecond), () => reply.caller.gone()),
        };
        await sending.sender.begin(migrationId, token);
        const memoryBytes = vm.memory.regions.reduce((sum, { bytes }) => sum + bytes, 0n);
        reply.send({ started: { memoryBytes: memoryBytes.toString() } });
        continue;
      }
      if (sending === undefined) throw commandOutOfPlace('start comes first');
      if (request.round !== null && request.round !== undefined) {
        const done = await sending.sender.sendRound(({ round, pages, ofPages, bytes }) =>
          reply.send({ progress: { round, pages, ofPages, sentBytes: bytes } }),
        );
        const { round, pages, zeroPages, bytes, ms, dirtyPages } = done;
        reply.send({
          roundDone: { round, pages, zeroPages, sentBytes: bytes, duration: duration(ms), dirtyPages },
        });
      } else if (request.switchOver !== null && request.switchOver !== undefined) {
        const done = await sending.sender.switchOver(request.switchOver.verifyMemory);
        const { blackoutMs, pages, bytes, parts, verifiedRanges } = done;
        reply.send({
          switched: {
            blackout: duration(blackoutMs),
            pages,
            sentBytes: bytes,
            parts: parts.map(switchPart),
            verifiedRanges,
          },
        });
        return;
      } else {
        throw commandOutOfPlace('a message needs a command');
      }
    }
  } finally {
    if (sending !== undefined) {
      sending.close();
      await sending.vm.endSending().catch(() => undefined); // the VM may be gone, and its sending with it
    }
  }
}

const switchPart = ({ name, ms }: Part): SwitchPart => ({ name, duration: duration(ms) });

function connect(peers: Peers, destination: string) {
  try {
    return peers.connect(destination, CALL_TIMEOUT_MS);
  } catch (error) {
    throw VcpudError.of('DESTINATION_MALFORMED', (error as Error).message, {
      field: 'destination',
      metadata: { destination },
      cause: error,
    });
  }
}

function commandOutOfPlace(message: string): VcpudError {
  return VcpudError.of('FIELD_REQUIRED', message, { field: 'command' });
}

async function receive(
  expected: Map<string, Expected>,
  discard: (vm: Vm) => Promise<void>,
  requests: AsyncIterable<ReceiveVmRequest__Output>,
  reply: Reply<ReceiveVmResponse>,
): Promise<void> {
  let vm: Vm | undefined;
  let arrived = false;
  try {
    for await (const request of requests) {
      if (vm === undefined) {
        vm = begin(expected, request);
        await rehearse(vm);
        reply.send({ ready: {} });
      } else if (request.pages !== null && request.pages !== undefined) {
        await writePages(vm, request.pages);
      } else if (request.roundEnd !== null && request.roundEnd !== undefined) {
        reply.send({ roundWritten: { round: request.roundEnd.round } });
      } else if (request.commit !== null && request.commit !== undefined) {
        const parts = await commitVm(vm, request.commit);
        arrived = true;
        expected.delete(vm.config.id);
        reply.send({ arrived: { parts: parts.map(switchPart) } });
        return;
      } else {
        throw VcpudError.of('FIELD_REQUIRED', 'a message is required', { field: 'message' });
      }
    }
  } finally {
    if (vm !== undefined && !arrived) await discard(vm);
  }
}

/** The prepared VM that a source names, with its token. Throws NOT_PREPARED, FIELD_REQUIRED. */
function begin(expected: ReadonlyMap<string, Expected>, { begin: first }: ReceiveVmRequest__Output): Vm {
  if (first === null || first === undefined)
    throw VcpudError.of('FIELD_REQUIRED', 'begin comes first', { field: 'begin' });
  const id = parseVmName(first.name);
  const waiting = expected.get(id);
  const token = Buffer.from(first.token, 'base64url');
  if (
    waiting === undefined ||
    token.length !== waiting.token.length ||
    !timingSafeEqual(token, waiting.token)
  ) {
    throw VcpudError.of('NOT_PREPARED', `no VM ${id} waits for this token`, {
      subject: first.name,
      metadata: { vm: id, migration_id: first.migrationId },
    });
  }
  waiting.vm.beginReceiving(first.migrationId);
  clearTimeout(waiting.forget);
  return waiting.vm;
}
