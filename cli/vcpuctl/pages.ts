// Lists, page after page to their end.

import type { VcpudClient } from '../../lib/api/client.js';
import type { Vcpu__Output } from '../../protos/gen/vcpud/v1/Vcpu.js';
import type { Vm__Output } from '../../protos/gen/vcpud/v1/Vm.js';

/** The most that the API gives in one page. */
const PAGE_SIZE = 1000;

async function allPages<T>(
  page: (pageToken: string) => Promise<{ readonly items: readonly T[]; readonly nextPageToken: string }>,
): Promise<T[]> {
  const all: T[] = [];
  let token = '';
  do {
    const { items, nextPageToken } = await page(token);
    all.push(...items);
    token = nextPageToken;
  } while (token !== '');
  return all;
}

export const allVms = (client: VcpudClient): Promise<Vm__Output[]> =>
  allPages(async (pageToken) => {
    const { vms, nextPageToken } = await client.vm.ListVms({ pageSize: PAGE_SIZE, pageToken });
    return { items: vms, nextPageToken };
  });

export const allVcpus = (client: VcpudClient, parent: string): Promise<Vcpu__Output[]> =>
  allPages(async (pageToken) => {
    const { vcpus, nextPageToken } = await client.vcpu.ListVcpus({ parent, pageSize: PAGE_SIZE, pageToken });
    return { items: vcpus, nextPageToken };
  });
