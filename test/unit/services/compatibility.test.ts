// Pre-flight over the wire, between vcpuds that serve models of both vendors: what one says of its VM, another judges.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VcpudClient } from '../../../lib/api/client.js';
import { endpointText } from '../../../lib/api/endpoint.js';
import { CPUID_ENTRY, SIZE } from '../../../lib/kvm/abi.js';
import { type ModelVendor, modelDriver } from '../../../lib/kvm/model/model-driver.js';
import '../../../lib/os/libc.js';
import type { VmRequirements__Output } from '../../../protos/gen/vcpud/v1/VmRequirements.js';
import { startServer } from '../../../services/server.js';

interface Served {
  readonly client: VcpudClient;
  stop(): Promise<void>;
}

async function serve(vendor: ModelVendor): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'vcpud-compat-'));
  const endpoint = { kind: 'unix', address: join(folder, 'vcpud.sock') } as const;
  const listening = { endpoints: [endpoint], tls: undefined };
  const server = await startServer(modelDriver(vendor), listening, pino({ level: 'silent' }));
  const client = new VcpudClient(endpointText(endpoint));
  return {
    client,
    stop: async () => {
      client.close();
      await server.stop(0);
      rmSync(folder, { recursive: true });
    },
  };
}

const VM = { vcpuCount: 2, irqchip: true, pit: true, memoryRegions: [{ gpa: 0, sizeBytes: 1024 * 1024 }] };

let amd: Served;
let otherAmd: Served;
let intel: Served;
let otherIntel: Served;

beforeAll(async () => {
  [amd, otherAmd, intel, otherIntel] = await Promise.all([
    serve('amd'),
    serve('amd'),
    serve('intel'),
    serve('intel'),
  ]);
  for (const { client } of [amd, intel]) await client.vm.CreateVm({ vmId: 'web', vm: VM });
});

afterAll(async () => {
  await Promise.all([amd, otherAmd, intel, otherIntel].map((served) => served.stop()));
});

async function requirementsOf({ client }: Served): Promise<VmRequirements__Output> {
  const { requirements } = await client.vm.GetVmRequirements({ name: 'vms/web' });
  if (requirements === null) throw new Error('the answer has no requirements');
  return requirements;
}

async function verdict({ client }: Served, requirements: VmRequirements__Output): Promise<string[]> {
  const { findings, compatible } = await client.host.CheckCompatibility({ requirements });
  const blocked = findings.some(({ severity }) => severity === 'COMPATIBILITY_SEVERITY_BLOCKER');
  expect(compatible).toBe(!blocked);
  return findings.map(({ severity, reason, subject }) =>
    `${severity.replace('COMPATIBILITY_SEVERITY_', '')} ${reason} ${subject}`.trim(),
  );
}

/** Of the kernel that the models were captured from. */
const KNOWN_BUG = 'WARNING KERNEL_NESTED_BUG SVM_NEXT_RIP_STALE';

describe('a VM', () => {
  test('can move between hosts that are alike', async () => {
    expect(await verdict(otherAmd, await requirementsOf(amd))).toEqual([KNOWN_BUG]);
    expect(await verdict(otherIntel, await requirementsOf(intel))).toEqual([]);
  });

  test('can not move to a host of another vendor, and that is all there is to say', async () => {
    expect(await verdict(intel, { ...(await requirementsOf(amd)), name: 'vms/other' })).toEqual([
      'BLOCKER VENDOR_DIFFERS',
    ]);
    expect(await verdict(otherAmd, await requirementsOf(intel))).toEqual(['BLOCKER VENDOR_DIFFERS']);
  });

  test('can not move to where its id is taken, until it is free', async () => {
    const requirements = await requirementsOf(amd);
    await otherAmd.client.vm.CreateVm({ vmId: 'web', vm: VM });
    expect(await verdict(otherAmd, requirements)).toEqual(['BLOCKER VM_EXISTS vms/web', KNOWN_BUG]);
    await otherAmd.client.vm.DeleteVm({ name: 'vms/web' });
    expect(await verdict(otherAmd, requirements)).toEqual([KNOWN_BUG]);
  });

  test('can not move to a host that is short of memory', async () => {
    const requirements = await requirementsOf(amd);
    const huge = { ...requirements, memoryRegions: [{ gpa: '0', sizeBytes: String(2n ** 39n + 2n ** 38n) }] };
    const { host } = await otherAmd.client.host.GetHost({});
    expect(BigInt(host?.memoryAvailableBytes ?? 0)).toBeLessThan(2n ** 39n);
    expect(await verdict(otherAmd, huge)).toEqual(['BLOCKER MEMORY_SHORT', KNOWN_BUG]);
  });

  test('that has a feature which the host lacks is told its name', async () => {
    const requirements = await requirementsOf(intel);
    const cpuids = requirements.cpuids.map((entries) => {
      const copy = Buffer.from(entries);
      for (let at = 0; at < copy.length; at += SIZE.cpuidEntry) {
        if (copy.readUInt32LE(at + CPUID_ENTRY.function) !== 7) continue;
        copy.writeUInt32LE((copy.readUInt32LE(at + CPUID_ENTRY.ebx) | (1 << 16)) >>> 0, at + CPUID_ENTRY.ebx);
      }
      return copy;
    });
    const { findings } = await otherIntel.client.host.CheckCompatibility({
      requirements: { ...requirements, cpuids },
    });
    expect(findings).toEqual([
      {
        severity: 'COMPATIBILITY_SEVERITY_BLOCKER',
        reason: 'CPUID_FEATURE_MISSING',
        subject: 'AVX512F',
        message: 'The VM has AVX512F (CPUID 0x7.0 EBX bit 16), which this host does not offer.',
        sourceValue: 'yes',
        destinationValue: 'no',
      },
    ]);
  });

  test('asks for the VMX capability MSRs that its vCPUs hold, not for all that its host has', async () => {
    const FEATURE = 0x48b; // IA32_VMX_PROCBASED_CTLS2
    const held = (requirements: VmRequirements__Output): string[] =>
      requirements.vmxCapabilityMsrs.flatMap(({ index, value }) => (index === FEATURE ? [value] : []));
    const before = await requirementsOf(intel);
    const name = 'vms/web/vcpus/1';
    const { state } = await intel.client.vcpu.GetVcpuState({ name });
    if (state === null) throw new Error('the answer has no state');
    const msrs = Buffer.from(state.msrs);
    const EPT = 1n << 33n;
    for (let at = 0; at < msrs.length; at += SIZE.msrEntry) {
      if (msrs.readUInt32LE(at) !== FEATURE) continue;
      msrs.writeBigUInt64LE(msrs.readBigUInt64LE(at + 8) & ~EPT, at + 8);
    }
    await intel.client.vcpu.SetVcpuState({ name, state: { ...state, msrs } });
    const after = await requirementsOf(intel);
    const [whole] = held(before);
    expect(held(before)).toHaveLength(1);
    expect(held(after)).toEqual([whole, String(BigInt(whole ?? 0) & ~EPT)]);
    expect(await verdict(otherIntel, after)).toEqual([]);
    await intel.client.vcpu.SetVcpuState({ name, state });
  });

  test('asks for one CPUID table, however many vCPUs are alike', async () => {
    expect((await requirementsOf(amd)).cpuids).toHaveLength(1);
    expect((await requirementsOf(intel)).cpuids).toHaveLength(1);
  });
});

test('requirements say what the VM and its host are', async () => {
  const requirements = await requirementsOf(amd);
  const { host } = await amd.client.host.GetHost({});
  if (host === null) throw new Error('the answer has no host');
  const { memoryAvailableBytes } = host;
  expect({ ...requirements.host, memoryAvailableBytes }).toEqual(host);
  expect(requirements).toMatchObject({
    name: 'vms/web',
    vcpuCount: 2,
    memoryRegions: [{ gpa: '0', sizeBytes: '1048576' }],
    memoryBytes: '1048576',
    irqchip: true,
    pit: true,
    xcr0: '1',
    xsaveBytes: 4096,
    tscKhz: host.tscKhz,
    vmxCapabilityMsrs: [],
    nestedFormat: 'NESTED_STATE_FORMAT_SVM',
  });
});
