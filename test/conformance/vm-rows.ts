// What goes well: VMs made, listed, watched and deleted; lists by pages; memory written and read; whole states given back.
// And calls that a VM's end meets on their way.

import type { CollectDirtyPagesRequest } from '../../protos/gen/vcpud/v1/CollectDirtyPagesRequest.js';
import type { Bench } from './bench.js';
import { contractWorld } from './contract-world.js';
import { withNested } from './facing.js';
import type { Row } from './row.js';
import { differences } from './vcpu-facts.js';
import { answerOf } from './wire.js';

const GROUP = 'vms';

const PAGE = 4096;
const MIB = 1024 * 1024;

async function create(bench: Bench, what: string, sizeBytes = PAGE): Promise<{ id: string; name: string }> {
  const id = bench.ground.vmId(what);
  await bench.client.vm.CreateVm({ vmId: id, vm: { memoryRegions: [{ gpa: 0, sizeBytes }] } });
  return { id, name: `vms/${id}` };
}

/** A whole collect: how many pages its head says, and its pieces as text. */
async function collected(
  bench: Bench,
  request: CollectDirtyPagesRequest,
): Promise<{ readonly pages: number; readonly pieces: readonly string[] }> {
  let pages = -1;
  const pieces: string[] = [];
  for await (const { head, gpa, data, zeroBytes } of bench.client.collectDirtyPages(request)) {
    if (head !== null && head !== undefined) pages = Number(head.pageCount);
    else pieces.push(`${gpa}: ${data?.length ?? `${zeroBytes} zeroes`}`);
  }
  return { pages, pieces };
}

export const VM_ROWS: readonly Row[] = [
  {
    group: GROUP,
    name: 'made, described, watched, deleted, gone',
    expected: () =>
      'paused, 1 vCPU, 4096 bytes; VM_RUN_STATE_PAUSED, deleted; NOT_FOUND VM_NOT_FOUND; NOT_FOUND VM_NOT_FOUND',
    run: async (bench) => {
      const { name } = await create(bench, 'life');
      const { vm: made } = await bench.client.vm.GetVm({ name });
      const bytes = made?.memoryRegions.map(({ sizeBytes }) => sizeBytes).join();
      const state = made?.runState === 'VM_RUN_STATE_PAUSED' ? 'paused' : made?.runState;
      const seen: string[] = [];
      for await (const { vm, deleted } of bench.client.watchVm({ name })) {
        if (vm !== null && vm !== undefined) {
          seen.push(vm.runState);
          if (seen.length === 1) await bench.client.vm.DeleteVm({ name });
        } else seen.push(deleted !== null && deleted !== undefined ? 'deleted' : 'another event');
      }
      const after = [bench.client.vm.GetVm({ name }), bench.client.vm.DeleteVm({ name })].map(answerOf);
      const answers = (await Promise.all(after)).join('; ');
      return `${state}, ${made?.vcpuCount} vCPU, ${bytes} bytes; ${seen.join(', ')}; ${answers}`;
    },
  },
  {
    group: GROUP,
    name: 'ListVms, a VM a page, comes by each of them once',
    expected: () => 'each once',
    run: async (bench) => {
      const { still, chips } = await contractWorld(bench.ground);
      const ours = [`vms/${still}`, `vms/${chips}`];
      const seen: string[] = [];
      for (let pageToken = ''; ; ) {
        const page = await bench.client.vm.ListVms({ pageSize: 1, pageToken });
        if (page.vms.length > 1) return `${page.vms.length} VMs on a page of one`;
        seen.push(...page.vms.map((vm) => vm.name));
        if (page.nextPageToken === '') break;
        pageToken = page.nextPageToken;
      }
      const times = ours.map((wanted) => seen.filter((found) => found === wanted).length);
      return times.every((count) => count === 1) ? 'each once' : `${times.join(', ')} times`;
    },
  },
  {
    group: GROUP,
    name: 'CheckCompatibility: nothing but its id keeps a VM from the host that it is on',
    expected: () => 'VM_EXISTS, not compatible; no blocker, compatible',
    run: async (bench) => {
      const { requirements, nobody } = await contractWorld(bench.ground);
      const verdicts = [requirements, { ...requirements, name: `vms/${nobody}` }].map(async (asked) => {
        const { findings, compatible } = await bench.client.host.CheckCompatibility({ requirements: asked });
        const blockers = findings.filter(({ severity }) => severity === 'COMPATIBILITY_SEVERITY_BLOCKER');
        const reasons = blockers.map(({ reason }) => reason).join(', ') || 'no blocker';
        return `${reasons}, ${compatible ? 'compatible' : 'not compatible'}`;
      });
      return (await Promise.all(verdicts)).join('; ');
    },
  },
  {
    group: GROUP,
    name: 'ListVcpus and GetVcpu, a vCPU a page',
    expected: () => '0, 1; 0, 1',
    run: async (bench) => {
      const { still } = await contractWorld(bench.ground);
      const parent = `vms/${still}`;
      const first = await bench.client.vcpu.ListVcpus({ parent, pageSize: 1 });
      const second = await bench.client.vcpu.ListVcpus({
        parent,
        pageSize: 1,
        pageToken: first.nextPageToken,
      });
      const listed = [...first.vcpus, ...second.vcpus];
      const got = await Promise.all(listed.map(({ name }) => bench.client.vcpu.GetVcpu({ name })));
      return `${listed.map(({ index }) => index).join(', ')}; ${got.map(({ vcpu }) => vcpu?.index).join(', ')}`;
    },
  },
  {
    group: GROUP,
    name: 'BatchGetNestedStates: of a whole VM, and of several in the order asked for',
    needs: [withNested],
    expected: () => 'still/0, still/1; chips/0, still/1, still/0',
    run: async (bench) => {
      const { still, chips } = await contractWorld(bench.ground);
      const names = [`vms/${chips}/vcpus/0`, `vms/${still}/vcpus/1`, `vms/${still}/vcpus/0`];
      const whole = await bench.client.nested.BatchGetNestedStates({ parent: `vms/${still}` });
      const several = await bench.client.nested.BatchGetNestedStates({ parent: 'vms/-', names });
      const text = ({ nestedStates }: typeof whole) =>
        nestedStates.map(({ name }) => name.replace(/^vms\/(.*)\/vcpus\//, '$1/')).join(', ');
      return bench.ground.plain(`${text(whole)}; ${text(several)}`);
    },
  },
  {
    group: GROUP,
    name: 'memory: what is written is read; zeroes that were written and memory that never was are the same',
    expected: () => '16384 written; 4096 zeroes, 8192 bytes as written, 1036288 zeroes',
    run: async (bench) => {
      const { name, gpa, bytes: size } = await bench.scratchMemory();
      const data = Buffer.alloc(2 * PAGE, 0xa5);
      const { writtenBytes } = await bench.client.writeMemory([
        { name, gpa, zeroBytes: PAGE },
        { gpa: gpa + PAGE, data },
        { gpa: gpa + 3 * PAGE, zeroBytes: PAGE },
      ]);
      const held = Buffer.alloc(size);
      let zeroes = 0;
      for await (const piece of bench.client.readMemory({ name, gpa, sizeBytes: size })) {
        if (piece.data !== undefined) piece.data.copy(held, Number(piece.gpa) - gpa);
        else zeroes += Number(piece.zeroBytes ?? 0);
      }
      const [first, last] = [held.indexOf(0xa5), held.lastIndexOf(0xa5) + 1];
      const same = held.subarray(first, last).equals(data) ? 'as written' : 'otherwise';
      const none = zeroes > 0 ? '' : ', none of them as zero_bytes';
      return `${writtenBytes} written; ${first} zeroes, ${last - first} bytes ${same}, ${size - last} zeroes${none}`;
    },
  },
  {
    group: GROUP,
    name: 'dirty pages: written, collected once, again where they are said not to have arrived, none after',
    expected: () => 'true; 0; 4096: 4096, 8192: 4096 zeroes, 1044480: 4096; the same; none; false',
    run: async (bench) => {
      const { name } = await create(bench, 'dirty', MIB);
      const data = Buffer.alloc(PAGE, 0x5c);
      await bench.client.writeMemory([{ name, gpa: 2 * PAGE, data }]);
      const { vm: on } = await bench.client.memory.StartDirtyTracking({ name });
      const first = await collected(bench, { name });
      // A page, one that becomes zero, the last byte there is; and a hole, which zeroes leave as it is.
      await bench.client.writeMemory([
        { name, gpa: PAGE, data },
        { gpa: 2 * PAGE, zeroBytes: 2 * PAGE },
        { gpa: MIB - 1, data: data.subarray(0, 1) },
      ]);
      const second = await collected(bench, { name });
      const again = await collected(bench, { name, resend: true });
      const none = await collected(bench, { name });
      const { vm: off } = await bench.client.memory.StopDirtyTracking({ name });
      const pieces = second.pieces.join(', ');
      const same = again.pieces.join(', ') === pieces ? 'the same' : again.pieces.join(', ');
      return `${on?.dirtyTracking}; ${first.pages}; ${pieces}; ${same}; ${none.pieces.join() || 'none'}; ${off?.dirtyTracking}`;
    },
  },
  {
    group: GROUP,
    name: 'dirty pages: a collect that was cancelled has taken none, a second one at a time is refused',
    expected: () => 'ABORTED COLLECT_UNDER_WAY; 4096 pages',
    run: async (bench) => {
      const bytes = 16 * MIB;
      const { name } = await create(bench, 'dirty-cancelled', bytes);
      await bench.client.memory.StartDirtyTracking({ name });
      await bench.client.writeMemory(
        Array.from({ length: bytes / MIB }, (_, i) => ({ name, gpa: i * MIB, data: Buffer.alloc(MIB, 1) })),
      );
      let second = 'not asked';
      // By chunks of which a client that stands still takes few.
      for await (const { head } of bench.client.collectDirtyPages({ name, chunkBytes: 65_536 })) {
        if (head === null || head === undefined) break; // cancels
        second = await answerOf(collected(bench, { name }));
      }
      const { pages } = await collected(bench, { name, rangesOnly: true });
      return `${second}; ${pages} pages`;
    },
  },
  {
    group: GROUP,
    name: 'SetVmState with what GetVmState gave: the same is held',
    expected: () => 'the same',
    run: async (bench) => {
      const name = `vms/${(await contractWorld(bench.ground)).chips}`;
      const { state } = await bench.client.vm.GetVmState({ name });
      await bench.client.vm.SetVmState({ name, state });
      const again = await bench.client.vm.GetVmState({ name });
      const [before, after] = [state?.vcpus[0], again.state?.vcpus[0]];
      if (before === undefined || after === undefined) return 'no vCPU';
      const unlike = differences(before, after);
      return unlike.length === 0 ? 'the same' : `other ${unlike.join(', ')}`;
    },
  },
  {
    group: GROUP,
    name: 'DeleteVm ends a ReadMemory that is under way',
    expected: () => 'ABORTED VM_DELETED',
    run: async (bench) => {
      const sizeBytes = 64 * MIB;
      const { name } = await create(bench, 'under-way', sizeBytes);
      // A byte in every MiB: pieces enough that they are never all on their way.
      await bench.client.writeMemory(
        Array.from({ length: 64 }, (_, i) => ({ name, gpa: i * MIB, data: Buffer.alloc(65_536, 1) })),
      );
      const read = async () => {
        let deleted = false;
        for await (const _ of bench.client.readMemory({ name, gpa: 0, sizeBytes, chunkBytes: 4096 })) {
          if (!deleted) await bench.client.vm.DeleteVm({ name });
          deleted = true;
        }
      };
      return answerOf(read());
    },
  },
];
