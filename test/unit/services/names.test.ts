// Resource names and pages of lists.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VcpudError } from '../../../lib/errors/vcpud-error.js';
import { checkVmId, page, parseVcpuName, parseVmName, vcpuName, vmName } from '../../../services/names.js';

/** What it is refused with. */
function refusal(task: () => unknown): VcpudError {
  try {
    task();
  } catch (error) {
    if (error instanceof VcpudError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

const vmId = fc.stringMatching(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/);

describe('names', () => {
  test('of VMs and vCPUs are read as they are written', () => {
    fc.assert(
      fc.property(vmId, fc.nat(9999), (id, index) => {
        expect(checkVmId(id)).toBe(id);
        expect(parseVmName(vmName(id))).toBe(id);
        expect(parseVcpuName(vcpuName(id, index))).toEqual({ vm: id, index });
      }),
    );
  });

  test('of any other form are refused, never misread', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const isId = /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text) && !text.includes('\n');
        if (isId) expect(checkVmId(text)).toBe(text);
        else expect(refusal(() => checkVmId(text)).reason).toBe('VM_ID_MALFORMED');
        expect(refusal(() => parseVmName(text)).reason).toBe('NAME_MALFORMED');
        expect(refusal(() => parseVcpuName(`vms/a/vcpus/${text}x`)).reason).toBe('NAME_MALFORMED');
      }),
    );
  });

  test('that are refused come back with the field, the form, and no more than 80 characters of themselves', () => {
    const error = refusal(() => parseVcpuName('x'.repeat(1_000_000), 'names[3]'));
    expect(error).toMatchObject({ status: 'INVALID_ARGUMENT', reason: 'NAME_MALFORMED' });
    expect(error.details).toMatchObject({ field: 'names[3]', metadata: { form: 'vms/{vm}/vcpus/{index}' } });
    expect(error.message.length).toBeLessThan(200);
    expect(refusal(() => checkVmId('x'.repeat(1_000_000))).details.metadata?.['vm_id']).toHaveLength(80);
  });
});

describe('pages', () => {
  const ofKeys = (keys: readonly string[], pageSize: number, pageToken: string) =>
    page(keys, (key) => key, { pageSize, pageToken });

  /** Every page from the first on, by the tokens. */
  function walk(keys: readonly string[], pageSize: number): string[][] {
    const pages: string[][] = [];
    for (let pageToken = ''; ; ) {
      const { items, nextPageToken } = ofKeys(keys, pageSize, pageToken);
      pages.push(items);
      if (nextPageToken === '') return pages;
      pageToken = nextPageToken;
    }
  }

  const sorted = fc
    .uniqueArray(vmId, { maxLength: 40 })
    .map((keys) => keys.toSorted((a, b) => (a < b ? -1 : 1)));

  test('hold every item once, in order, each page but the last full', () => {
    fc.assert(
      fc.property(sorted, fc.integer({ min: 1, max: 50 }), (keys, pageSize) => {
        const pages = walk(keys, pageSize);
        expect(pages.flat()).toEqual(keys);
        expect(pages.slice(0, -1).every((items) => items.length === pageSize)).toBe(true);
        expect(pages.at(-1)?.length === 0).toBe(keys.length === 0);
      }),
    );
  });

  test('go on behind the last item seen, whatever came and went meanwhile', () => {
    fc.assert(
      fc.property(sorted, sorted, fc.integer({ min: 1, max: 10 }), (before, after, pageSize) => {
        const first = ofKeys(before, pageSize, '');
        if (first.nextPageToken === '') return;
        const last = first.items.at(-1) ?? '';
        const second = ofKeys(after, pageSize, first.nextPageToken);
        expect(second.items).toEqual(after.filter((key) => key > last).slice(0, pageSize));
      }),
    );
  });

  test('have 100 items where nothing is asked for, and never more than 1000', () => {
    const keys = Array.from({ length: 1500 }, (_, i) => String(i).padStart(4, '0'));
    expect(ofKeys(keys, 0, '').items).toHaveLength(100);
    expect(ofKeys(keys, 2 ** 31 - 1, '').items).toHaveLength(1000);
    expect(ofKeys(keys, 999, '').items).toHaveLength(999);
  });

  test('are refused for a negative size, and for a token that no list gave', () => {
    expect(refusal(() => ofKeys(['a'], -1, ''))).toMatchObject({
      reason: 'PAGE_SIZE_NEGATIVE',
      details: { field: 'page_size' },
    });
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (token) => {
        fc.pre(!Buffer.from(token, 'base64url').toString().startsWith('v1:'));
        expect(refusal(() => ofKeys(['a'], 1, token))).toMatchObject({
          reason: 'PAGE_TOKEN_INVALID',
          details: { field: 'page_token' },
        });
      }),
    );
    const token = ofKeys(['a', 'b'], 1, '').nextPageToken;
    expect(refusal(() => ofKeys(['a'], 1, `${token}=`)).reason).toBe('PAGE_TOKEN_INVALID');
  });
});
