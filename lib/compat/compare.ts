// Walks the table of checks. Called by HostService.CheckCompatibility.

import { CHECKS, type Difference, type Scope, type Severity } from './checks.js';
import type { DestinationFacts, VmFacts } from './facts.js';

export interface Finding extends Difference {
  readonly severity: Severity;
  readonly reason: string;
}

const BY_SEVERITY: readonly Severity[] = ['BLOCKER', 'WARNING', 'INFO'];

/** Findings beside which checks of a scope say nothing that is worth reading. */
const LEAVES_OUT: ReadonlyMap<string, readonly Scope[]> = new Map([
  ['VENDOR_DIFFERS', ['same vendor', 'nesting']],
  ['NESTED_DISABLED', ['nesting']],
]);

/** Everything that stands between a VM and a host: blockers, then warnings, then what is only worth knowing. */
export function compare(vm: VmFacts, host: DestinationFacts): Finding[] {
  const findings: Finding[] = [];
  const leftOut = new Set<Scope>();
  for (const { reason, severity, scope, find } of CHECKS) {
    if (leftOut.has(scope)) continue;
    const differences = find(vm, host);
    findings.push(...differences.map((difference) => ({ severity, reason, ...difference })));
    if (differences.length > 0) for (const left of LEAVES_OUT.get(reason) ?? []) leftOut.add(left);
  }
  return BY_SEVERITY.flatMap((severity) => findings.filter((finding) => finding.severity === severity));
}

/** Whether a VM can be moved: nothing found forbids it. */
export function isCompatible(findings: readonly Finding[]): boolean {
  return findings.every(({ severity }) => severity !== 'BLOCKER');
}
