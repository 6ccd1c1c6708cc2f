// What the fuzz must know of a vendor: which registers and CPUID bits its rules ask of, which values lie at their
// limits, and which rules no state can break on the emulated CPU. svm.ts and vmx.ts are tables of this form.

import type { NestedFormat } from '../../lib/nested/layout.js';
import type { RuleReason } from '../../lib/nested/rules.js';
import type { GuestKind } from '../guests/scenes.js';
import type { Change, CpuidPlace, NumberField, RegisterName } from './fuzz-case.js';

export interface FuzzVendor {
  readonly format: NestedFormat;
  readonly kind: GuestKind;
  /** Changes of the vCPU's registers that go together, each chosen as often as the others. */
  readonly registers: ReadonlyArray<Readonly<Partial<Record<RegisterName, readonly bigint[]>>>>;
  /** CPUID bits that rules ask of, with the values to try. */
  readonly cpuid: ReadonlyArray<readonly [place: CpuidPlace, values: readonly number[]]>;
  /** MSRs that rules ask of, with the values to try. */
  readonly msrs: ReadonlyArray<readonly [index: number, values: readonly bigint[]]>;
  /** Changes that one rule needs together and chance would seldom make. */
  readonly together: ReadonlyArray<readonly Change[]>;
  /** States of tests, by their name, beside the captured ones; the vCPU is then as the first of those has it. */
  readonly constructed: ReadonlyArray<readonly [name: string, nested: () => Uint8Array]>;
  /** Pages of guest memory, and the u32 that each starts with. */
  readonly memory: ReadonlyArray<readonly [gpa: bigint, head: number]>;
  /** Fields of a nested state that follow the clock, in which the two may differ. */
  readonly unequal: readonly NumberField[];
  /** Rules that no state can break on the emulated host, each with the reason. */
  readonly unreachable: ReadonlyMap<RuleReason, string>;
}
