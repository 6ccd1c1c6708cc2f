// The model's /dev/kvm. Made by model-driver.ts.

import { KVM, SIZE } from '../abi.js';
import type { SystemPort, VmPort } from '../port.js';
import { type CpuidTables, cpuidTables } from './cpuid.js';
import { E2BIG, ENOTTY } from './errno.js';
import type { ModelHost } from './model-host.js';
import { forEachMsr } from './msrs.js';
import { answer } from './vcpu.js';
import { ModelVm } from './vm.js';

const API_VERSION = 12;

type Handler = (system: ModelSystem, buffer: Buffer, number: number) => number;

/** Every ioctl that /dev/kvm takes, but KVM_CREATE_VM, which is createVm, and what a mapped kvm_run needs. */
const HANDLERS: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [KVM.GET_API_VERSION, () => API_VERSION],
  [KVM.CHECK_EXTENSION, ({ host }, _buffer, capability) => host.capabilities.get(capability) ?? 0],
  [KVM.GET_SUPPORTED_CPUID, getSupportedCpuid],
  [KVM.GET_MSR_INDEX_LIST, ({ host }, buffer) => giveList(host.msrIndices, buffer)],
  [KVM.GET_MSR_FEATURE_INDEX_LIST, ({ host }, buffer) => giveList([...host.featureMsrs.keys()], buffer)],
  [KVM.GET_MSRS, getFeatureMsrs],
]);

export class ModelSystem implements SystemPort {
  readonly host: ModelHost;
  readonly tables: CpuidTables;

  constructor(host: ModelHost) {
    this.host = host;
    this.tables = cpuidTables(host);
  }

  ioctl(request: number, argument: Uint8Array | number): number {
    return answer(request, argument, (buffer, number) => {
      const handler = HANDLERS.get(request);
      return handler === undefined ? ENOTTY : handler(this, buffer, number);
    });
  }

  createVm(): VmPort {
    return new ModelVm(this.host, this.tables);
  }

  close(): void {
    // Nothing of it is the system's.
  }
}

/** kvm_dev_ioctl_get_cpuid. */
function getSupportedCpuid({ tables }: ModelSystem, buffer: Buffer): number {
  const count = tables.supported.length / SIZE.cpuidEntry;
  if (buffer.readUInt32LE(0) < count) return E2BIG;
  buffer.writeUInt32LE(count, 0);
  tables.supported.copy(buffer, SIZE.cpuidHeader);
  return 0;
}

/** A count that is too low is answered by the right one. */
function giveList(indices: readonly number[], buffer: Buffer): number {
  const room = buffer.readUInt32LE(0);
  buffer.writeUInt32LE(indices.length, 0);
  if (room < indices.length) return E2BIG;
  indices.forEach((index, i) => {
    buffer.writeUInt32LE(index, 4 + 4 * i);
  });
  return 0;
}

function getFeatureMsrs({ host }: ModelSystem, buffer: Buffer): number {
  return forEachMsr(buffer, (index, at) => {
    const value = host.featureMsrs.get(index);
    if (value === undefined) return false;
    buffer.writeBigUInt64LE(value, at);
    return true;
  });
}
