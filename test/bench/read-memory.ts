// ReadMemory of 256 MiB against reading the same memfd as a file, into one buffer. Needs no guest code to run.

import { randomFillSync } from 'node:crypto';
import { closeSync, openSync, read, readdirSync, readlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import type { VcpudClient } from '../../lib/api/client.js';
import type { Measurement, Target } from './row.js';
import type { Stage } from './stage.js';
import { alternate, median, medianRatio } from './statistics.js';

const ID = 'filled';
const NAME = `vms/${ID}`;
const BYTES = 256 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;
const MOST_PAIRS = 9;
const TARGET: Target = { of: 'ratio', bound: 'at most', value: 4 };

const readAsync = promisify(read);

/** Opens the VM's memfd by way of its process. */
function openMemory(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  const found = readdirSync(folder).find((fd) =>
    readlinkSync(`${folder}/${fd}`).startsWith(`/memfd:vcpud-${ID} `),
  );
  if (found === undefined) throw new Error(`the server has no memfd of VM ${ID}`);
  return openSync(`${folder}/${found}`, 'r');
}

/** Random chunks, so that nothing on the way can be a hole or a run of zeroes. */
function* filling() {
  const data = randomFillSync(Buffer.allocUnsafe(CHUNK_BYTES));
  for (let gpa = 0; gpa < BYTES; gpa += CHUNK_BYTES) {
    data.writeUInt32LE(gpa + 1, 0);
    yield { name: NAME, gpa, data: Buffer.from(data) };
  }
}

/** Reads it all and lets it go, as an orchestrator does that hands it on. */
async function readByRpc(client: VcpudClient, check: (gpa: number, data: Buffer) => void): Promise<number> {
  const since = performance.now();
  let bytes = 0;
  for await (const { gpa, data } of client.readMemory({ name: NAME, gpa: 0, sizeBytes: BYTES })) {
    if (data === undefined) throw new Error('ReadMemory sent zeroes for memory that holds other bytes');
    check(Number(gpa), data);
    bytes += data.length;
  }
  if (bytes !== BYTES) throw new Error(`ReadMemory sent ${bytes} bytes`);
  return performance.now() - since;
}

async function readAsFile(fd: number, into: Buffer): Promise<number> {
  const since = performance.now();
  for (let at = 0; at < BYTES; ) at += (await readAsync(fd, into, at, BYTES - at, at)).bytesRead;
  return performance.now() - since;
}

export async function readMemory(stage: Stage): Promise<Measurement[]> {
  const vcpud = await stage.vcpud();
  const { client } = vcpud;
  await client.vm.CreateVm({ vmId: ID, vm: { vcpuCount: 1, memoryRegions: [{ gpa: 0, sizeBytes: BYTES }] } });
  await client.writeMemory(filling());
  const fd = openMemory(vcpud.pid);
  try {
    const whole = Buffer.alloc(BYTES);
    await readAsFile(fd, whole);
    await readByRpc(client, (gpa, data) => {
      if (whole.compare(data, 0, data.length, gpa, gpa + data.length) !== 0) {
        throw new Error(`ReadMemory sent other bytes than the memfd holds at 0x${gpa.toString(16)}`);
      }
    });
    const pairs = await alternate(
      Math.min(MOST_PAIRS, stage.amounts.pairs),
      () => readAsFile(fd, whole),
      () => readByRpc(client, () => undefined),
    );
    const ms = median(pairs.map(({ product }) => product));
    const floorMs = median(pairs.map(({ floor }) => floor));
    return [
      {
        name: 'read-memory',
        what: "ReadMemory of 256 MiB / fs.read of its memfd in the client's process",
        unit: 'ms',
        measured: ms,
        floor: floorMs,
        ratio: medianRatio(pairs, (took) => took),
        target: TARGET,
        details: {
          'MB/s': Math.round(BYTES / 1e3 / ms),
          'floor MB/s': Math.round(BYTES / 1e3 / floorMs),
          pairs: pairs.length,
        },
      },
    ];
  } finally {
    closeSync(fd);
    await client.vm.DeleteVm({ name: NAME });
  }
}
