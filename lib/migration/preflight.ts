// The first phase of a live migration: whether the destination can take the VM, asked before anything is touched.

import type { CompatibilityFinding__Output } from '../../protos/gen/vcpud/v1/CompatibilityFinding.js';
import type { VmRequirements__Output } from '../../protos/gen/vcpud/v1/VmRequirements.js';
import type { VcpudClient } from '../api/client.js';

export interface Preflight {
  /** What the VM asks for, and the source's host in it. */
  readonly requirements: VmRequirements__Output;
  /** Blockers first, then warnings, then what is only worth knowing. */
  readonly findings: readonly CompatibilityFinding__Output[];
  /** Whether there is no blocker. */
  readonly compatible: boolean;
}

/** The VM must not be moved there; nothing was touched. */
export class NotCompatible extends Error {
  readonly preflight: Preflight;
  /** The blocker that is named first, which the message is of. */
  readonly reason: string;
  constructor(preflight: Preflight) {
    const blocker = preflight.findings.find(({ severity }) => severity === 'COMPATIBILITY_SEVERITY_BLOCKER');
    super(blocker?.message ?? 'there is a blocker');
    this.name = 'NotCompatible';
    this.preflight = preflight;
    this.reason = blocker?.reason ?? '';
  }
}

/** What the VM vms/{vm} asks for. The source stops its vCPUs for a few ioctls. */
export async function requirementsOf(source: VcpudClient, name: string): Promise<VmRequirements__Output> {
  const { requirements } = await source.vm.GetVmRequirements({ name });
  if (requirements === null) throw new Error('GetVmRequirements answered without requirements');
  return requirements;
}

/** What the destination says of that. */
export async function checkDestination(
  destination: VcpudClient,
  requirements: VmRequirements__Output,
): Promise<Preflight> {
  const { findings, compatible } = await destination.host.CheckCompatibility({ requirements });
  return { requirements, findings, compatible };
}
