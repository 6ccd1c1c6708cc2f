// HostService: what the host beneath can do.

import type { Logger } from 'pino';
import { nestedFormat, u64 } from '../lib/api/vcpu-state.js';
import { VERSION } from '../lib/api/version.js';
import { CAP } from '../lib/kvm/abi.js';
import type { VmRegistry } from '../lib/vm/vm-registry.js';
import type { GetHostRequest__Output } from '../protos/gen/vcpud/v1/GetHostRequest.js';
import type { GetHostResponse } from '../protos/gen/vcpud/v1/GetHostResponse.js';
import type { HostServiceHandlers } from '../protos/gen/vcpud/v1/HostService.js';
import { unary } from './handlers.js';

const VENDORS = {
  AMD: 'CPU_VENDOR_AMD',
  INTEL: 'CPU_VENDOR_INTEL',
  UNKNOWN: 'CPU_VENDOR_UNSPECIFIED',
} as const;

const DRIVERS = { native: 'DRIVER_NATIVE', model: 'DRIVER_MODEL' } as const;

export function hostService({ host, rules }: VmRegistry, log: Logger): HostServiceHandlers {
  const answer = (): GetHostResponse => ({
    host: {
      vcpudVersion: VERSION,
      kvmApiVersion: host.apiVersion,
      kernelRelease: host.kernelRelease,
      cpuVendor: VENDORS[host.vendor],
      cpuModel: host.cpuModel,
      nested: {
        enabled: host.nested.enabled,
        format: nestedFormat(host.nested.format),
        maxSizeBytes: host.nested.maxBytes,
        disabledReason: host.nested.disabledReason,
      },
      capabilities: [...host.capabilities].map(([name, value]) => ({ name, number: CAP[name], value })),
      vmxCapabilityMsrs: host.vmxCapabilityMsrs.map(({ index, value }) => ({ index, value: u64(value) })),
      drivers: [DRIVERS[host.driver]],
      enforcedRules: [...rules.enforced].sort(),
      unexplainedRejections: rules.unexplained.count,
    },
  });
  return { GetHost: unary<GetHostRequest__Output, GetHostResponse>(log, answer) };
}
