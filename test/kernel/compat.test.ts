// Pre-flight on a real kernel: a VM can move to another vcpud of the same host, and what it asks for is what its vCPUs hold.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHECKS } from '../../lib/compat/checks.js';
import { commonCpuid } from '../../lib/kvm/cpuid.js';
import type { CompatibilityFinding__Output } from '../../protos/gen/vcpud/v1/CompatibilityFinding.js';
import type { VmRequirements__Output } from '../../protos/gen/vcpud/v1/VmRequirements.js';
import { createTiny } from '../harness/tiny-guest.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';

const VM = 'mover';
const NAME = `vms/${VM}`;

let source: VcpudProcess;
let destination: VcpudProcess;

beforeAll(async () => {
  [source, destination] = await Promise.all([startVcpud(), startVcpud()]);
  await createTiny(source.client, VM, 'halt', { vcpuCount: 2, irqchip: true });
});

afterAll(async () => {
  expect(await Promise.all([source.stop(), destination.stop()])).toEqual([0, 0]);
});

async function requirements(): Promise<VmRequirements__Output> {
  const answer = await source.client.vm.GetVmRequirements({ name: NAME });
  if (answer.requirements === null) throw new Error('the answer has no requirements');
  return answer.requirements;
}

const reasons = (findings: readonly CompatibilityFinding__Output[]): string[] =>
  findings.map(({ reason, subject }) => `${reason} ${subject}`.trim());

test('what a VM asks for is what its vCPUs hold', async () => {
  const asked = await requirements();
  const { state } = await source.client.vm.GetVmState({ name: NAME });
  const { host } = await source.client.host.GetHost({});
  expect(asked).toMatchObject({ name: NAME, vcpuCount: 2, irqchip: true, pit: false });
  // vCPUs that differ in APIC id and what follows their registers alone ask for one table.
  expect(asked.cpuids).toHaveLength(1);
  for (const vcpu of state?.vcpus ?? []) {
    expect(commonCpuid(vcpu.cpuid).equals(commonCpuid(asked.cpuids[0] as Buffer))).toBe(true);
    expect(vcpu.xsave).toHaveLength(asked.xsaveBytes);
    expect(BigInt(asked.xcr0) & 1n).toBe(1n);
  }
  expect(state?.vcpus).toHaveLength(2);
  expect(asked.tscKhz).toBe(host?.tscKhz);
  expect(asked.nestedFormat).toBe(host?.nested?.format);
  expect(asked.host).toMatchObject({ kernelRelease: host?.kernelRelease, cpuModel: host?.cpuModel });
});

test('a VM can move to another vcpud of its host: nothing is found but what is known of the kernel', async () => {
  const answer = await destination.client.host.CheckCompatibility({ requirements: await requirements() });
  expect(answer.compatible).toBe(true);
  expect(answer.findings.filter(({ reason }) => reason !== 'KERNEL_NESTED_BUG')).toEqual([]);
});

test('a running VM is asked too, and runs on', async () => {
  await source.client.vm.RunVm({ name: NAME });
  const asked = await requirements();
  const { vm } = await source.client.vm.GetVm({ name: NAME });
  expect(vm?.runState).toBe('VM_RUN_STATE_RUNNING');
  const { compatible } = await destination.client.host.CheckCompatibility({ requirements: asked });
  expect(compatible).toBe(true);
  await source.client.vm.PauseVm({ name: NAME });
});

test('to where there is a VM of its id it can not move', async () => {
  const answer = await source.client.host.CheckCompatibility({ requirements: await requirements() });
  expect(answer.compatible).toBe(false);
  expect(reasons(answer.findings)).toContain(`VM_EXISTS ${NAME}`);
});

test('a VM whose vCPUs have other CPUIDs asks for each of them', async () => {
  const { state } = await source.client.vcpu.GetVcpuState({ name: `${NAME}/vcpus/1` });
  if (state === null) throw new Error('the answer has no state');
  const cpuid = Buffer.from(state.cpuid);
  // CPUID 0x40000001: whatever KVM offers is taken back from the second vCPU.
  for (let at = 0; at < cpuid.length; at += 40)
    if (cpuid.readUInt32LE(at) === 0x40000001) cpuid.writeUInt32LE(0, at + 12);
  await source.client.vm.CreateVm({
    vmId: 'uneven',
    vm: { vcpuCount: 2, irqchip: true, memoryRegions: [{ gpa: 0, sizeBytes: 4096 }] },
  });
  await source.client.vcpu.SetVcpuState({ name: 'vms/uneven/vcpus/1', state: { ...state, cpuid } });
  const { requirements: asked } = await source.client.vm.GetVmRequirements({ name: 'vms/uneven' });
  expect(asked?.cpuids).toHaveLength(2);
  const { compatible } = await destination.client.host.CheckCompatibility({ requirements: asked });
  expect(compatible).toBe(true);
  await source.client.vm.DeleteVm({ name: 'vms/uneven' });
});

test('every reason that is found is one of the table', async () => {
  const known = new Set(CHECKS.map(({ reason }) => reason));
  const answer = await source.client.host.CheckCompatibility({ requirements: await requirements() });
  expect(answer.findings.filter(({ reason }) => !known.has(reason))).toEqual([]);
});
