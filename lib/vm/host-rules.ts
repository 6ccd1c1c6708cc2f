// Which of the rules on which kernels differ this one enforces: asked of a scratch vCPU, by states that break one
// rule each. A rule that the kernel does not refuse is not applied: vcpud is never stricter than the kernel.

import { SREGS_LAYOUT } from '../kvm/abi.js';
import { hidingNpt, setCpuid } from '../kvm/cpuid.js';
import { msrRows, readMsrs } from '../kvm/msrs.js';
import type { SystemPort } from '../kvm/port.js';
import { kernelReservedBits } from '../kvm/reserved-bits.js';
import { PROBES, REFUSED_BIT_PROBES, VALID_STATE } from '../nested/probes.js';
import { giveNested, leaveNested } from '../state/nested-access.js';
import type { NestedRules } from '../state/nested-set.js';
import type { KernelVcpu } from '../state/state-vcpu.js';
import { COMPONENTS, givePart, readPart } from '../state/vcpu-components.js';
import type { HostProfile } from './host.js';

/** Of a 64-bit register, lowest first. */
const BITS = Array.from({ length: 64 }, (_, i) => 1n << BigInt(i));

const EFER_SVME = 1n << 12n;

/** Asks the kernel. On a host without nested state no rule is ever asked for. */
export function probeRules(kvm: SystemPort, host: HostProfile): NestedRules {
  const { format, maxBytes } = host.nested;
  if (format === undefined) return { format: 'SVM', enforced: new Set(), unexplained: { count: 0 } };
  const vm = kvm.createVm();
  const port = vm.createVcpu(0);
  try {
    setCpuid(port, host.supportedCpuid);
    const vcpu: KernelVcpu = {
      port,
      shape: {
        capabilities: host.capabilities,
        irqchip: false,
        msrIndices: host.msrIndices,
        nested: { format, maxBytes },
      },
    };
    const sregs = COMPONENTS.sregs2.present(vcpu.shape) ? 'sregs2' : 'sregs';
    const atReset = readPart(vcpu, sregs);
    const prepare = (svme: boolean) => {
      leaveNested(vcpu);
      const bytes = Buffer.from(atReset);
      if (svme)
        bytes.writeBigUInt64LE(bytes.readBigUInt64LE(SREGS_LAYOUT.efer) | EFER_SVME, SREGS_LAYOUT.efer);
      givePart(vcpu, sregs, bytes);
    };
    const accepts = (state: Uint8Array): boolean => {
      try {
        giveNested(vcpu, state);
        return true;
      } catch {
        return false;
      }
    };
    const reserved = kernelReservedBits(host.supportedCpuid);
    const vmx = new Map(
      msrRows(
        readMsrs(
          port,
          host.vmxCapabilityMsrs.map(({ index }) => index),
        ).entries,
      ).map(({ index, value }) => [index, value]),
    );
    prepare(format === 'SVM');
    if (!accepts(VALID_STATE[format](vmx)))
      return { format, enforced: new Set(), reserved, unexplained: { count: 0 } };
    const { cr4, efer } = REFUSED_BIT_PROBES[format];
    const refusedBits = (stateWith: typeof cr4): bigint =>
      BITS.filter((bit) => !accepts(stateWith(bit, vmx))).reduce((mask, bit) => mask | bit, 0n);
    const refused = { cr4: refusedBits(cr4), efer: refusedBits(efer) };
    const enforced = PROBES[format].filter(({ svme, withoutNpt, states }) => {
      if (withoutNpt) setCpuid(port, hidingNpt(host.supportedCpuid));
      const refusesAll = states(host.physicalAddressBits, vmx).every((state) => {
        prepare(svme);
        return !accepts(state);
      });
      if (withoutNpt) setCpuid(port, host.supportedCpuid);
      return refusesAll;
    });
    return {
      format,
      enforced: new Set(enforced.map(({ reason }) => reason)),
      reserved,
      refused,
      unexplained: { count: 0 },
    };
  } finally {
    port.close();
    vm.close();
  }
}
