// A vCPU's state on its way through the API: every byte of every part, and the numbers that JavaScript's can't hold.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { api } from '../../../lib/api/definitions.js';
import { nestedState, u64, vcpuSnapshot, vcpuState } from '../../../lib/api/vcpu-state.js';
import { HEADER_BYTES } from '../../../lib/nested/layout.js';
import { COMPONENTS, type VcpuSnapshot } from '../../../lib/state/vcpu-components.js';
import type { VcpuState__Output } from '../../../protos/gen/vcpud/v1/VcpuState.js';
import { svmGuestMode, svmHeaderOnly, vmxGuestMode, vmxVmxon } from '../../vectors/nested-states.js';

/** Through the wire and back. */
function sent(snapshot: VcpuSnapshot): VcpuState__Output {
  const { responseSerialize, responseDeserialize } = api.VcpuService.service.GetVcpuState;
  const { state } = responseDeserialize(responseSerialize({ state: vcpuState(snapshot) }));
  if (state === null) throw new Error('the message has no state');
  return state;
}

const bytes = fc.uint8Array({ minLength: 1, maxLength: 5000 }).map((array) => Buffer.from(array));
const number = fc.nat(0xffff_ffff).map((value) => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
});
/** The kernel gives no nested state without its header. */
const nested = fc.uint8Array({ minLength: HEADER_BYTES, maxLength: 9000 }).map((array) => Buffer.from(array));
const NUMBERS = ['tscKhz', 'mpState'] as const;
const parts: Readonly<Record<string, fc.Arbitrary<Buffer>>> = {
  ...Object.fromEntries(Object.keys(COMPONENTS).map((name) => [name, bytes])),
  ...Object.fromEntries(NUMBERS.map((name) => [name, number])),
  nested,
};

describe('a snapshot', () => {
  test('is the same behind the wire, whatever its parts hold', () => {
    const snapshot = fc.record(parts, { requiredKeys: [...NUMBERS] }) as fc.Arbitrary<VcpuSnapshot>;
    fc.assert(
      fc.property(snapshot, (given) => {
        expect(vcpuSnapshot(sent(given))).toEqual(given);
      }),
    );
  });

  test('has no parts that were not there', () => {
    const number0 = Buffer.alloc(4);
    expect(vcpuSnapshot(sent({ tscKhz: number0, mpState: number0 }))).toEqual({
      tscKhz: number0,
      mpState: number0,
    });
  });
});

describe('a nested state', () => {
  const decoded = (data: Uint8Array) => {
    const zero = Buffer.alloc(4);
    const { nestedState: state } = sent({ tscKhz: zero, mpState: zero, nested: Buffer.from(data) });
    if (state === null) throw new Error('the state is missing');
    return state;
  };

  test('of SVM says its format, flags, size and address', () => {
    expect(decoded(svmGuestMode({ vmcbPa: 0xf_ffff_f000n }))).toMatchObject({
      format: 'NESTED_STATE_FORMAT_SVM',
      flags: ['NESTED_STATE_FLAG_GUEST_MODE', 'NESTED_STATE_FLAG_GIF_SET'],
      unknownFlags: 0,
      sizeBytes: 4224,
      header: 'svm',
      svm: { vmcbPa: String(0xf_ffff_f000n), gpat: '0' },
    });
  });

  test('of VMX says so too, with addresses of all ones as they are', () => {
    expect(decoded(vmxVmxon())).toMatchObject({
      format: 'NESTED_STATE_FORMAT_VMX',
      header: 'vmx',
      vmx: { vmxonPa: String(0x1000), vmcs12Pa: String(2n ** 64n - 1n) },
    });
    expect(decoded(vmxGuestMode()).flags).toContain('NESTED_STATE_FLAG_GUEST_MODE');
  });

  test('with flags that nobody knows keeps them, and its bytes', () => {
    const data = svmHeaderOnly({ flags: 0x8100 });
    const state = decoded(data);
    expect(state).toMatchObject({ flags: ['NESTED_STATE_FLAG_GIF_SET'], unknownFlags: 0x8000 });
    expect(state.data.equals(Buffer.from(data))).toBe(true);
  });

  test('of any bytes is described without an error', () => {
    fc.assert(
      fc.property(nested, (data) => {
        expect(nestedState(data).data).toBe(data);
      }),
    );
  });
});

test('a u64 is exact, as a number or as text', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
      expect(BigInt(u64(value))).toBe(value);
    }),
  );
});
