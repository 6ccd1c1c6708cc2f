// MigrationService: a VM on its way from one vcpud to another.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Logger } from 'pino';
import type { VcpudClient } from '../lib/api/client.js';
import { type Endpoint, leavesMachine, parseEndpoint } from '../lib/api/endpoint.js';
import type { Peers } from '../lib/api/peers.js';
import { PAGE_BYTES } from '../lib/api/zero-pages.js';
import { VcpudError } from '../lib/errors/vcpud-error.js';
import { VmReceiver } from '../lib/transfer/receiver.js';
import { type Part, type SwitchResult, VmSender } from '../lib/transfer/sender.js';
import type { MemoryRegion } from '../lib/vm/guest-memory.js';
import type { Caller, Vm } from '../lib/vm/vm.js';
import type { VmRegistry } from '../lib/vm/vm-registry.js';
import type { MigrationServiceHandlers } from '../protos/gen/vcpud/v1/MigrationService.js';
import type { ReceiveVmBegin__Output } from '../protos/gen/vcpud/v1/ReceiveVmBegin.js';
import type { ReceiveVmRequest__Output } from '../protos/gen/vcpud/v1/ReceiveVmRequest.js';
import type { ReceiveVmResponse } from '../protos/gen/vcpud/v1/ReceiveVmResponse.js';
import type { SendVmRequest__Output } from '../protos/gen/vcpud/v1/SendVmRequest.js';
import type { SendVmResponse } from '../protos/gen/vcpud/v1/SendVmResponse.js';
import type { SendVmRoundDone } from '../protos/gen/vcpud/v1/SendVmRoundDone.js';
import type { SendVmStart__Output } from '../protos/gen/vcpud/v1/SendVmStart.js';
import type { SendVmSwitched } from '../protos/gen/vcpud/v1/SendVmSwitched.js';
import type { SwitchPart } from '../protos/gen/vcpud/v1/SwitchPart.js';
import { duplexStream, type Reply, unary } from './handlers.js';
import { duration, vmConfig, vmMessage } from './messages.js';
import { parseVmName } from './names.js';

const MIGRATION_ID = /^[A-Za-z0-9-]{1,64}$/;
/** How long a prepared VM waits for its source, ms. */
const PREPARED_MS = 60_000;
/** No unary call is made to a destination: its streams have no deadline. */
const CALL_TIMEOUT_MS = 60_000;
/** So many migrations are remembered by which a VM has arrived. */
const MOST_ARRIVALS = 10_000;

/** A VM that waits for its source, or receives from it. */
interface Expected {
  readonly vm: Vm;
  readonly token: Buffer;
  readonly forget: NodeJS.Timeout;
}

export function migrationService(vms: VmRegistry, peers: Peers, log: Logger): MigrationServiceHandlers {
  /** By VM id. */
  const expected = new Map<string, Expected>();
  /**
   * The ids of migrations by which a VM has arrived. It may have gone on since: a source that never heard of its arrival
   * must not be told that it has not.
   */
  const arrivals = new Set<string>();
  const arrivedBy = (migrationId: string): void => {
    arrivals.add(migrationId);
    const [oldest] = arrivals;
    if (arrivals.size > MOST_ARRIVALS && oldest !== undefined) arrivals.delete(oldest);
  };

  /** Deletes a VM that did not arrive; one that is gone already, or another of its name, is let be. */
  const discard = async (vm: Vm): Promise<void> => {
    forgetExpected(expected, vm);
    if (vms.find(vm.config.id) === vm) await vms.delete(vm.config.id);
  };

  return {
    PrepareVm: unary(log, async ({ vmId, vm, migrationId }) => {
      if (vm === null) throw VcpudError.of('FIELD_REQUIRED', 'vm is required', { field: 'vm' });
      checkMigrationId(migrationId, 'migration_id');
      const config = { ...vmConfig(vmId, vm), linuxBoot: undefined };
      checkPageNumbers(config.regions);
      const made = await vms.create(config);
      made.migration = { id: migrationId, phase: 'PREPARED', peer: '' };
      const token = randomBytes(32);
      const forget = setTimeout(() => {
        if (made.migration?.phase === 'PREPARED') void discard(made);
      }, PREPARED_MS).unref();
      expected.set(made.config.id, { vm: made, token, forget });
      return { vm: vmMessage(made), token: token.toString('base64url') };
    }),

    SendVm: duplexStream(log, (requests, reply) => send(vms, peers, requests, reply)),

    ReceiveVm: duplexStream(log, (requests, reply) =>
      receive(vms, expected, discard, arrivedBy, requests, reply),
    ),

    ResolveMigration: unary(log, async ({ name, migrationId, outcome }, caller) => {
      const id = parseVmName(name);
      if (outcome !== 'MIGRATION_OUTCOME_RUN_HERE' && outcome !== 'MIGRATION_OUTCOME_ABANDON')
        throw VcpudError.of('FIELD_REQUIRED', 'outcome is required', { field: 'outcome' });
      const abandon = outcome === 'MIGRATION_OUTCOME_ABANDON';
      if (arrivals.has(migrationId) && vms.find(id)?.migration?.id !== migrationId) {
        throw VcpudError.of('MIGRATION_PHASE', `VM ${id} has arrived by this migration, and gone on since`, {
          subject: name,
          metadata: { vm: id, migration_id: migrationId, phase: 'ARRIVED', outcome },
        });
      }
      const vm = vms.get(id);
      await vm.resolveMigration(caller, migrationId, abandon ? 'ABANDON' : 'RUN_HERE');
      if (abandon) await discard(vm);
      return { vm: abandon ? null : vmMessage(vm) };
    }),
  };
}

/** What waits by the id of a VM is let be where it is another VM's, of the same id and made later. */
function forgetExpected(expected: Map<string, Expected>, vm: Vm): void {
  const { id } = vm.config;
  const waiting = expected.get(id);
  if (waiting?.vm !== vm) return;
  clearTimeout(waiting.forget);
  expected.delete(id);
}

function checkMigrationId(id: string, field: string): void {
  if (MIGRATION_ID.test(id)) return;
  throw VcpudError.of('MIGRATION_ID_MALFORMED', `${field} must be 1 to 64 letters, digits and -`, {
    field,
    metadata: { migration_id: id.slice(0, 80) },
  });
}

/** Pages travel by numbers of 32 bits. */
const MOST_PAGES = 1n << 32n;

/** Throws MEMORY_REGION_INVALID for memory whose pages could not be named. */
function checkPageNumbers(regions: readonly MemoryRegion[]): void {
  const index = regions.findIndex(({ gpa, bytes }) => (gpa + bytes) / BigInt(PAGE_BYTES) > MOST_PAGES);
  if (index < 0) return;
  throw VcpudError.of('MEMORY_REGION_INVALID', 'a VM with memory above 16 TiB is not migrated', {
    field: `vm.memory_regions[${index}]`,
  });
}

interface Sending {
  readonly vm: Vm;
  readonly sender: VmSender;
  readonly close: () => void;
}

async function send(
  vms: VmRegistry,
  peers: Peers,
  requests: AsyncIterable<SendVmRequest__Output>,
  reply: Reply<SendVmResponse>,
): Promise<void> {
  let sending: Sending | undefined;
  try {
    for await (const request of requests) {
      // A switch that was asked for by one who has gone since is not begun.
      if (reply.caller.gone()) throw VcpudError.of('CANCELLED', 'the caller went away');
      const { start, round, switchOver } = request;
      if (start !== null && start !== undefined) {
        if (sending !== undefined) throw outOfPlace('start comes once');
        sending = await startSending(vms, peers, start, reply.caller);
        const readsSource = await sending.sender.begin(start.migrationId, start.token);
        const memoryBytes = sending.vm.memory.regions.reduce((sum, { bytes }) => sum + bytes, 0n);
        reply.send({ started: { memoryBytes: memoryBytes.toString(), readsSource } });
      } else if (sending === undefined) {
        throw outOfPlace('start comes first');
      } else if (round !== null && round !== undefined) {
        reply.send({ roundDone: await sendRound(sending.sender, reply) });
      } else if (switchOver !== null && switchOver !== undefined) {
        reply.send({ switched: switched(await sending.sender.switchOver(switchOver.verifyMemory)) });
        return;
      } else {
        throw VcpudError.of('FIELD_REQUIRED', 'a message needs a command', { field: 'command' });
      }
    }
    if (sending === undefined)
      throw VcpudError.of('FIELD_REQUIRED', 'the stream had no message', { field: 'start' });
  } finally {
    if (sending !== undefined) {
      sending.close();
      await sending.vm.endSending().catch(() => undefined); // the VM may be gone, and its sending with it
    }
  }
}

async function startSending(
  vms: VmRegistry,
  peers: Peers,
  { name, migrationId, destination, bandwidthBytesPerSecond }: SendVmStart__Output,
  caller: Caller,
): Promise<Sending> {
  vms.requireServing();
  const vm = vms.get(parseVmName(name, 'start.name'));
  checkMigrationId(migrationId, 'start.migration_id');
  const { client, near } = connect(peers, destination);
  try {
    await vm.beginSending(caller, migrationId, destination);
  } catch (error) {
    client.close();
    throw error;
  }
  const link = client.receiveVm();
  const close = () => {
    link.cancel();
    client.close();
  };
  const bandwidth = Number(bandwidthBytesPerSecond);
  const sender = new VmSender(vm, { link, near, bandwidth, gone: () => caller.gone() });
  return { vm, close, sender };
}

async function sendRound(sender: VmSender, reply: Reply<SendVmResponse>): Promise<SendVmRoundDone> {
  const { bytes, ms, ...done } = await sender.sendRound(({ round, pages, ofPages, bytes: sentBytes }) =>
    reply.send({ progress: { round, pages, ofPages, sentBytes } }),
  );
  return { ...done, sentBytes: bytes, duration: duration(ms) };
}

const switched = ({ blackoutMs, pages, bytes, parts, verifiedRanges }: SwitchResult): SendVmSwitched => ({
  blackout: duration(blackoutMs),
  pages,
  sentBytes: bytes,
  parts: parts.map(switchPart),
  verifiedRanges,
});

const switchPart = ({ name, ms }: Part): SwitchPart => ({ name, duration: duration(ms) });

/** Throws FIELD_REQUIRED, ENDPOINT_MALFORMED, IDENTITY_REQUIRED. */
function connect(
  peers: Peers,
  destination: string,
): { readonly client: VcpudClient; readonly near: boolean } {
  const field = 'start.destination';
  if (destination === '') throw VcpudError.of('FIELD_REQUIRED', `${field} is required`, { field });
  let endpoint: Endpoint;
  try {
    endpoint = parseEndpoint(destination);
  } catch (error) {
    const message = `${field} must be unix:///PATH or tcp://HOST:PORT`;
    throw VcpudError.of('ENDPOINT_MALFORMED', message, { field, cause: error });
  }
  if (leavesMachine(endpoint) && !peers.reachOtherHosts) {
    throw VcpudError.of(
      'IDENTITY_REQUIRED',
      `${destination} is on another host: this vcpud reaches it where it serves with mutual TLS itself`,
      { subject: 'host', metadata: { destination } },
    );
  }
  return { client: peers.connect(destination, CALL_TIMEOUT_MS), near: endpoint.kind === 'unix' };
}

function outOfPlace(message: string): VcpudError {
  return VcpudError.of('MESSAGE_OUT_OF_PLACE', message);
}

async function receive(
  vms: VmRegistry,
  expected: Map<string, Expected>,
  discard: (vm: Vm) => Promise<void>,
  arrivedBy: (migrationId: string) => void,
  requests: AsyncIterable<ReceiveVmRequest__Output>,
  reply: Reply<ReceiveVmResponse>,
): Promise<void> {
  let vm: Vm | undefined;
  let receiver: VmReceiver | undefined;
  let arrived = false;
  try {
    for await (const { begin: first, pages, roundEnd, commit, rehearsal } of requests) {
      if (first !== null && first !== undefined) {
        if (vm !== undefined) throw outOfPlace('begin comes once');
        vm = begin(vms, expected, first);
        receiver = new VmReceiver(vm);
        const readsSource = first.memory !== null && receiver.findSource(first.memory, first.token);
        reply.send({ ready: { rehearsals: receiver.rehearsals(), readsSource } });
      } else if (vm === undefined || receiver === undefined) {
        throw outOfPlace('begin comes first');
      } else if (pages !== null && pages !== undefined) {
        await receiver.writePages(pages);
        if (pages.inSource) reply.send({ pagesRead: {} });
      } else if (roundEnd !== null && roundEnd !== undefined) {
        receiver.endRound();
        reply.send({ roundWritten: { round: roundEnd.round } });
      } else if (rehearsal !== null && rehearsal !== undefined) {
        const parts = await receiver.rehearse(rehearsal);
        reply.send({ rehearsed: { parts: parts.map(switchPart) } });
      } else if (commit !== null && commit !== undefined) {
        const { parts, at } = await receiver.commit(commit);
        arrived = true;
        if (vm.migration !== undefined) arrivedBy(vm.migration.id);
        forgetExpected(expected, vm);
        reply.send({ arrived: { parts: parts.map(switchPart), monotonicUs: at.us, bootId: at.bootId } });
        return;
      } else {
        throw VcpudError.of('FIELD_REQUIRED', 'a message is required', { field: 'message' });
      }
    }
    if (vm === undefined)
      throw VcpudError.of('FIELD_REQUIRED', 'the stream had no message', { field: 'begin' });
  } finally {
    receiver?.close();
    if (vm !== undefined && !arrived) await discard(vm);
  }
}

/** The prepared VM that a source names, with its token. Throws VM_NOT_FOUND, NOT_PREPARED. */
function begin(vms: VmRegistry, expected: ReadonlyMap<string, Expected>, first: ReceiveVmBegin__Output): Vm {
  const vm = vms.get(parseVmName(first.name, 'begin.name'));
  const waiting = expected.get(vm.config.id);
  const token = Buffer.from(first.token, 'base64url');
  if (waiting?.vm !== vm || token.length !== waiting.token.length || !timingSafeEqual(token, waiting.token)) {
    throw VcpudError.of('NOT_PREPARED', `VM ${vm.config.id} does not wait for this token`, {
      subject: first.name,
      metadata: { vm: vm.config.id, migration_id: first.migrationId.slice(0, 80) },
    });
  }
  vm.beginReceiving(first.migrationId);
  clearTimeout(waiting.forget);
  return vm;
}
