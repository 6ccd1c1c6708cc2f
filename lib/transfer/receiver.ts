// The destination's side of a move: writes the memory that arrives, and at the commit gives the VM its state and lets
// the guest go on. Fed by a stream of ReceiveVm.

import { crc32 } from 'node:zlib';
import type { MemoryPages__Output } from '../../protos/gen/vcpud/v1/MemoryPages.js';
import type { ReceiveVmCommit__Output } from '../../protos/gen/vcpud/v1/ReceiveVmCommit.js';
import { api } from '../api/definitions.js';
import { PAGE_BYTES } from '../api/zero-pages.js';
import { VcpudError } from '../errors/vcpud-error.js';
import type { Vm } from '../vm/vm.js';
import { hashMemory } from './memory-hash.js';
import { Rehearsals } from './rehearsals.js';
import type { Part } from './sender.js';
import { vmSnapshot, vmState } from './vm-state.js';

const gpaOf = (page: number): bigint => BigInt(page) * BigInt(PAGE_BYTES);

/** Writes what a message holds. Throws CHECKSUM_WRONG, PAGES_MALFORMED, MEMORY_RANGE_NOT_BACKED, VM_DELETED. */
export async function writePages(vm: Vm, message: MemoryPages__Output): Promise<void> {
  const { firstPages, pageCounts, zeroFirstPages, zeroPageCounts, data } = message;
  const pages = pageCounts.reduce((sum, count) => sum + count, 0);
  if (firstPages.length !== pageCounts.length || pages * PAGE_BYTES !== data.length) {
    throw VcpudError.of('PAGES_MALFORMED', 'the runs of pages and their data do not fit together', {
      field: 'pages.data',
    });
  }
  if (zeroFirstPages.length !== zeroPageCounts.length) {
    throw VcpudError.of('PAGES_MALFORMED', 'runs of zero pages need a count each', {
      field: 'pages.zero_page_counts',
    });
  }
  if (data.length > 0 && crc32(data) !== message.crc32 >>> 0) {
    throw VcpudError.of('CHECKSUM_WRONG', 'memory arrived otherwise than it was sent', {
      metadata: { sent: String(message.crc32 >>> 0), arrived: String(crc32(data)) },
    });
  }
  let at = 0;
  firstPages.forEach((page, i) => {
    const bytes = (pageCounts[i] ?? 0) * PAGE_BYTES;
    vm.memory.writeNow(gpaOf(page), data.subarray(at, at + bytes));
    at += bytes;
  });
  for (const [i, page] of zeroFirstPages.entries()) {
    await vm.memory.writeZeroes(gpaOf(page), BigInt((zeroPageCounts[i] ?? 0) * PAGE_BYTES));
  }
}

const rehearsals = new Rehearsals();
const { requestSerialize, requestDeserialize } = api.MigrationService.service.ReceiveVm;

/** Has the code of a commit run before it is needed; see Vm.rehearseArrival. */
export async function rehearse(vm: Vm): Promise<void> {
  for (let left = rehearsals.next(); left > 0; left -= 1) {
    await vm.rehearseArrival((snapshot) => {
      const { commit } = requestDeserialize(requestSerialize({ commit: { state: vmState(snapshot) } }));
      if (commit?.state === null || commit?.state === undefined) throw new Error('a state that is none');
      return vmSnapshot(commit.state);
    });
  }
}

/** Takes the state and lets the guest go on; gives how long each part took. After an error the VM is to be deleted. */
export async function commitVm(vm: Vm, commit: ReceiveVmCommit__Output): Promise<Part[]> {
  const parts: Part[] = [];
  if (commit.state === null) throw VcpudError.of('FIELD_REQUIRED', 'state is required', { field: 'state' });
  const timed = async (name: string, task: () => Promise<void>): Promise<void> => {
    const since = performance.now();
    await task();
    parts.push({ name, ms: performance.now() - since });
  };
  const { pages, memoryHashes } = commit;
  if (pages !== null) await timed('memory', () => writePages(vm, pages));
  if (memoryHashes.length > 0) await timed('hash', () => requireSameMemory(vm, memoryHashes));
  await vm.arrive(vmSnapshot(commit.state), commit.run, (name, ms) => parts.push({ name, ms }));
  return parts;
}

async function requireSameMemory(vm: Vm, expected: readonly Buffer[]): Promise<void> {
  const found = await hashMemory(vm.memory);
  const wrong = found.flatMap((hash, i) => (expected[i]?.equals(hash) ? [] : [i]));
  if (wrong.length === 0 && found.length === expected.length) return;
  throw VcpudError.of('CHECKSUM_WRONG', `memory differs in ranges ${wrong.join(', ')} of ${found.length}`, {
    metadata: { ranges: wrong.join(','), compared: String(found.length) },
  });
}
