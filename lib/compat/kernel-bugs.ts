// Bugs of Linux with nested state that a move can meet, by the kernels that have them. A kernel's release tells which series it is
// of, and of mainline's own releases which patch level: what a distribution took over into its kernel it doesn't tell, so
// these are warnings.

import type { NestedFormat } from './facts.js';

type Series = readonly [major: number, minor: number];

export interface KernelBug {
  /** Stable: a finding's subject. */
  readonly id: string;
  readonly format: NestedFormat;
  /** On which side of a move it does harm. */
  readonly side: 'destination' | 'either';
  /** The first series that has it. */
  readonly since: Series;
  /** The first series that doesn't. */
  readonly fixedIn: Series;
  /** Releases of series in between that have the fix. */
  readonly backports: ReadonlyArray<readonly [major: number, minor: number, patch: number]>;
  /** What happens, as a sentence. */
  readonly harm: string;
  readonly source: string;
}

export const KERNEL_BUGS: readonly KernelBug[] = [
  {
    id: 'SVM_RUN_PENDING_LOST',
    format: 'SVM',
    side: 'destination',
    since: [5, 8],
    fixedIn: [5, 11],
    backports: [],
    harm: 'A vCPU that is moved between VMRUN and the first instruction of L2 loses the event that L1 injects.',
    source: 'commit 81f76adad560 (KVM: nSVM: correctly restore nested_run_pending on migration)',
  },
  {
    id: 'CVE-2022-48793',
    format: 'SVM',
    side: 'destination',
    since: [5, 14],
    fixedIn: [5, 17],
    backports: [
      [5, 15, 25],
      [5, 16, 11],
    ],
    harm: 'The kernel can dereference NULL when a vCPU in L2 takes a nested page fault right after it was set.',
    source: 'commit e1779c2714c3 (KVM: x86: nSVM: fix potential NULL derefernce on nested migration)',
  },
  {
    id: 'SVM_NEXT_RIP_STALE',
    format: 'SVM',
    side: 'destination',
    since: [5, 8],
    fixedIn: [7, 1],
    backports: [],
    harm: 'A software interrupt or exception that L1 injects into L2 as it is moved can return to a wrong RIP, in whatever order the state is set.',
    source:
      "commit a0592461f39c (KVM: nSVM: Delay stuffing L2's current RIP into NextRIP until vCPU run) and its series; it reached 6.18 and 7.0 in May 2026, and did not apply to 6.12",
  },
  {
    id: 'VMX_PREEMPTION_TIMER_RESTARTED',
    format: 'VMX',
    side: 'either',
    since: [4, 20],
    fixedIn: [5, 8],
    backports: [],
    harm: "L2's VMX preemption timer starts anew: its deadline is not part of the state.",
    source: 'commit 850448f35aaf (KVM: nVMX: Fix VMX preemption timer migration)',
  },
];

const before = ([major, minor]: Series, [thanMajor, thanMinor]: Series): boolean =>
  major < thanMajor || (major === thanMajor && minor < thanMinor);

/** Whether a kernel of that release (uname -r) may have the bug; a release that can't be read has none. */
export function mayHave({ since, fixedIn, backports }: KernelBug, release: string): boolean {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release);
  if (match === null) return false;
  const [major, minor, patch] = [match[1], match[2], match[3] ?? '0'].map(Number) as [number, number, number];
  if (before([major, minor], since) || !before([major, minor], fixedIn)) return false;
  return !backports.some((fixed) => fixed[0] === major && fixed[1] === minor && patch >= fixed[2]);
}
