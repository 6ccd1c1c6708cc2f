// HostService: what the host beneath can do, and whether a VM of another can move here.

import type { Logger } from 'pino';
import { compare, isCompatible } from '../lib/compat/compare.js';
import type { VmRegistry } from '../lib/vm/vm-registry.js';
import type { GetHostRequest__Output } from '../protos/gen/vcpud/v1/GetHostRequest.js';
import type { GetHostResponse } from '../protos/gen/vcpud/v1/GetHostResponse.js';
import type { HostServiceHandlers } from '../protos/gen/vcpud/v1/HostService.js';
import { destinationFacts, findingMessage, vmFacts } from './compatibility.js';
import { unary } from './handlers.js';
import { hostMessage } from './host-message.js';

export function hostService(vms: VmRegistry, log: Logger): HostServiceHandlers {
  return {
    GetHost: unary<GetHostRequest__Output, GetHostResponse>(log, () => ({ host: hostMessage(vms) })),
    CheckCompatibility: unary(log, ({ requirements }) => {
      const vm = vmFacts(requirements);
      const findings = compare(vm, destinationFacts(vms, vm.id));
      return { findings: findings.map(findingMessage), compatible: isCompatible(findings) };
    }),
  };
}
