// The model driver: a KVM in this process, for machines that have none. It takes the ioctls that vcpud makes and gives
// the answers that Linux 6.1 gives on the host it was captured from, to the byte, what a refused call leaves behind
// included; test/fuzz and test/kernel/model.test.ts hold it against the real kernel. It runs no guest.
//
// Not modelled: guests (KVM_RUN), interrupts, timers and page-table walks; a pending INIT or SIPI is held, not taken;
// MSRs that KVM_GET_MSR_INDEX_LIST does not name are refused, but for EFER, the APIC base and the like.

import type { KvmDriver } from '../port.js';
import { AMD_HOST } from './amd-host.js';
import { INTEL_HOST } from './intel-host.js';
import type { ModelHost } from './model-host.js';
import { ModelSystem } from './system.js';

export type ModelVendor = 'amd' | 'intel';

/** The hosts that there are models of. */
const HOSTS: Readonly<Record<ModelVendor, ModelHost>> = { amd: AMD_HOST, intel: INTEL_HOST };

export const MODEL_VENDORS = Object.keys(HOSTS) as ModelVendor[];

/** A driver whose KVM is a model of that vendor's. */
export function modelDriver(vendor: ModelVendor): KvmDriver {
  const host = HOSTS[vendor];
  return {
    name: 'model',
    runsGuests: false,
    kernelRelease: host.kernelRelease,
    cpuModel: host.cpuModel,
    open: () => new ModelSystem(host),
  };
}
