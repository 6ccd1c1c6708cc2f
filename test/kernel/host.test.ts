// What GetHost says on a host whose KVM has nested state.

import { release, totalmem } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { VERSION } from '../../lib/api/version.js';
import { CAP, SIZE } from '../../lib/kvm/abi.js';
import { vendorString } from '../../lib/kvm/cpuid.js';
import { PROBES } from '../../lib/nested/probes.js';
import type { Host__Output } from '../../protos/gen/vcpud/v1/Host.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';

let vcpud: VcpudProcess;
let host: Host__Output;

beforeAll(async () => {
  vcpud = await startVcpud();
  const answer = (await vcpud.client.host.GetHost({})).host;
  if (answer === null) throw new Error('the answer has no host');
  host = answer;
});

afterAll(async () => {
  expect(await vcpud.stop()).toBe(0);
});

test('GetHost describes the kernel and its nested state', () => {
  expect(host).toMatchObject({
    vcpudVersion: VERSION,
    kvmApiVersion: 12,
    kernelRelease: release(),
    cpuVendor: 'CPU_VENDOR_AMD',
    cpuModel: expect.stringMatching(/\S/),
    nested: {
      enabled: true,
      format: 'NESTED_STATE_FORMAT_SVM',
      maxSizeBytes: 4224,
      disabledReason: '',
    },
    vmxCapabilityMsrs: [],
    drivers: ['DRIVER_NATIVE'],
  });
});

test('GetHost names each capability with its number and what the kernel answers', () => {
  expect(host.capabilities.map(({ name, number }) => [name, number])).toEqual(Object.entries(CAP));
  const values = Object.fromEntries(host.capabilities.map(({ name, value }) => [name, value]));
  expect(values).toMatchObject({
    USER_MEMORY: 1,
    NESTED_STATE: 4224,
    IMMEDIATE_EXIT: 1,
    EXCEPTION_PAYLOAD: 1,
  });
  expect(values['MAX_VCPUS']).toBeGreaterThan(1);
});

test('GetHost names rules that the kernel was seen to enforce, of those on which kernels differ', () => {
  const probed: string[] = PROBES.SVM.map(({ reason }) => reason);
  expect(host.enforcedRules.filter((reason) => !probed.includes(reason))).toEqual([]);
  expect(new Set(host.enforcedRules).size).toBe(host.enforcedRules.length);
  // No kernel lets unknown flags pass.
  expect(host.enforcedRules).toContain('NESTED_FLAGS_UNKNOWN');
});

test('GetHost says what a VM can have', () => {
  expect(host.tscKhz).toBeGreaterThan(0);
  expect(host.maxVcpus).toBeGreaterThan(1);
  expect(host.physicalAddressBits).toBeGreaterThanOrEqual(36);
  expect(host.xsaveBytes).toBeGreaterThanOrEqual(4096);
  // X87 and SSE, which every CPU with XSAVE has.
  expect(BigInt(host.xcr0Supported) & 3n).toBe(3n);
  expect(host.supportedCpuid.length % SIZE.cpuidEntry).toBe(0);
  expect(vendorString(host.supportedCpuid)).toMatch(/^(AuthenticAMD|HygonGenuine)$/);
});

test('GetHost says how much memory is left, within what there is', () => {
  const left = Number(host.memoryAvailableBytes);
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(totalmem());
});

test('GetHost answers the same each time, but for the memory that is left', async () => {
  const answer = (await vcpud.client.host.GetHost({})).host;
  const { memoryAvailableBytes } = host;
  expect({ ...answer, memoryAvailableBytes }).toEqual(host);
});
