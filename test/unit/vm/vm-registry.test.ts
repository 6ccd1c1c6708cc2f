// Which VMs there can be, before any of them is made: no KVM is asked for what is refused here.

import { expect, test } from 'vitest';
import { NativeSystem } from '../../../lib/kvm/native/native-port.js';
import type { HostProfile } from '../../../lib/vm/host.js';
import type { VmConfig } from '../../../lib/vm/vm.js';
import { VmRegistry } from '../../../lib/vm/vm-registry.js';

const HOST: HostProfile = {
  driver: 'native',
  runsGuests: true,
  apiVersion: 12,
  kernelRelease: '6.1.0',
  vendor: 'AMD',
  cpuModel: 'none',
  capabilities: new Map(),
  nested: { enabled: false, format: undefined, maxBytes: 0, disabledReason: 'a test' },
  vmxCapabilityMsrs: [],
  supportedCpuid: Buffer.alloc(0),
  physicalAddressBits: 40,
  maxVcpus: 4,
  tscKhz: 0,
  msrIndices: [],
};

const CONFIG: VmConfig = {
  id: 'a',
  vcpuCount: 1,
  regions: [{ gpa: 0n, bytes: 4096n }],
  irqchip: false,
  pit: false,
  pc: false,
  linuxBoot: undefined,
};

/** A registry whose /dev/kvm is no open file: whatever asks it for anything gets EBADF. */
const registry = () =>
  new VmRegistry(new NativeSystem(-1), HOST, {
    format: 'SVM',
    enforced: new Set(),
    unexplained: { count: 0 },
  });

test('a VM is not made any more once vcpud is ending', async () => {
  const vms = registry();
  vms.beginEnding();
  await expect(vms.create(CONFIG)).rejects.toMatchObject({ reason: 'SHUTTING_DOWN', status: 'UNAVAILABLE' });
  expect(vms.list()).toEqual([]);
});

test('a VM whose making failed leaves its id free', async () => {
  const vms = registry();
  for (const _ of [1, 2]) {
    await expect(vms.create(CONFIG)).rejects.toMatchObject({ call: 'KVM_CREATE_VM', code: 'EBADF' });
  }
  expect(vms.list()).toEqual([]);
});

test('an id is taken from the moment that its VM is being made', async () => {
  const vms = registry();
  const [first, second] = await Promise.allSettled([vms.create(CONFIG), vms.create(CONFIG)]);
  expect(first).toMatchObject({ status: 'rejected', reason: { code: 'EBADF' } });
  expect(second).toMatchObject({ status: 'rejected', reason: { reason: 'VM_EXISTS' } });
});

test.each([
  ['no vCPU', { vcpuCount: 0 }, 'VCPU_COUNT_OUT_OF_RANGE', 'vm.vcpu_count'],
  ['more vCPUs than the host has for one', { vcpuCount: 5 }, 'VCPU_COUNT_OUT_OF_RANGE', 'vm.vcpu_count'],
  ['a PIT without an irqchip', { pit: true }, 'DEVICES_INVALID', 'vm.pit'],
  ['no memory', { regions: [] }, 'MEMORY_REGION_INVALID', 'vm.memory_regions'],
] as const)('%s is refused before KVM is asked', async (_, change, reason, field) => {
  await expect(registry().create({ ...CONFIG, ...change })).rejects.toMatchObject({
    reason,
    details: { field },
  });
});

test('a VM that is not there cannot be had or deleted', async () => {
  const vms = registry();
  expect(() => vms.get('nobody')).toThrow(expect.objectContaining({ reason: 'VM_NOT_FOUND' }));
  await expect(vms.delete('nobody')).rejects.toMatchObject({ reason: 'VM_NOT_FOUND' });
});
