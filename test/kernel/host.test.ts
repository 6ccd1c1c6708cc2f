// What GetHost says on a host whose KVM has nested state.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';

let vcpud: VcpudProcess;

beforeAll(async () => {
  vcpud = await startVcpud();
});

afterAll(async () => {
  expect(await vcpud.stop()).toBe(0);
});

test('GetHost describes the kernel and its nested state', async () => {
  const { host } = await vcpud.client.host.GetHost({});
  expect(host?.kvmApiVersion).toBe(12);
  expect(host?.nested?.enabled).toBe(true);
  expect(host?.nested?.maxSizeBytes).toBe(4224);
  expect(host?.nested?.format).toBe('NESTED_STATE_FORMAT_SVM');
});
