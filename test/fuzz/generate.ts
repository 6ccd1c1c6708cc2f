// Makes the fuzz's cases: one to four changes of a captured state or of the vCPU, most of them where a rule looks.

import { SREGS_LAYOUT } from '../../lib/kvm/abi.js';
import { FIELDS, FLAG, HEADER, SVM_GUEST_BYTES, VMX_SHADOW_BYTES } from '../../lib/nested/layout.js';
import { RULES } from '../../lib/nested/rules.js';
import type { CapturedState } from '../vectors/captured.js';
import { type Change, type FuzzCase, type NumberField, readLittleEndian } from './fuzz-case.js';
import type { Random } from './random.js';
import type { FuzzVendor } from './vendor.js';

/** Cases in a row that start from the same captured state: its MSRs and general registers are set once for them. */
export const CASES_A_BASE = 64;

const MOST_CHANGES = 4;

/** Widths of physical addresses that a guest's CPUID may have; addresses at their limits are tried. */
const WIDTHS = [32, 36, 39, 40, 41, 48, 52, 63];
const PAGE = 0x1000n;
/** Map sizes, in pages, that must lie below the limit whole. */
const PAGES_BELOW = [0n, 1n, 2n, 3n, 4n];

const isNumber = (field: (typeof FIELDS)['SVM'][number]): field is NumberField => field.type !== 'bytes';
const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

export class Generator {
  private readonly vendor: FuzzVendor;
  private readonly random: Random;
  private readonly bases: readonly CapturedState[];
  private readonly fields: readonly NumberField[];
  /** Fields that a rule of this vendor names. */
  private readonly judged: readonly NumberField[];
  private base: CapturedState;
  private left = 0;

  constructor(vendor: FuzzVendor, bases: readonly CapturedState[], random: Random) {
    this.vendor = vendor;
    this.random = random;
    this.bases = bases;
    this.fields = FIELDS[vendor.format].filter(isNumber);
    this.judged = this.fields.filter(({ path }) => RULES.some(({ field }) => field === path));
    this.base = random.pick(bases);
  }

  next(): FuzzCase {
    const { random } = this;
    if (this.left === 0) {
      this.base = random.pick(this.bases);
      this.left = CASES_A_BASE;
    }
    this.left -= 1;
    const changes: Change[] = [];
    if (random.oneIn(16)) changes.push(...random.pick(this.vendor.together));
    const count = random.below(MOST_CHANGES) + (changes.length === 0 ? 1 : 0);
    for (let i = 0; i < count; i += 1) changes.push(...this.change());
    return { base: this.base.name, leaveFirst: !random.oneIn(4), changes };
  }

  private change(): readonly Change[] {
    const { random } = this;
    return random.weighted<() => readonly Change[]>([
      [10, () => this.fieldChange(this.judged)],
      [4, () => this.fieldChange(this.fields)],
      [2, () => [this.byteChange()]],
      [2, () => [this.headerChange()]],
      [2, () => [this.registerChange()]],
      [2, () => this.cpuidChange()],
      [1, () => [{ smm: random.below(2) }]],
      [1, () => this.msrChange()],
      [1, () => [this.sregsByteChange()]],
    ])();
  }

  private fieldChange(fields: readonly NumberField[]): readonly Change[] {
    const field = this.random.pick(fields);
    const now = readLittleEndian(this.base.parts.nested ?? Buffer.alloc(0), field.offset, field.bytes);
    return [{ field: field.path, value: hex(this.value(now, 8 * field.bytes)) }];
  }

  /** A value for so many bits: at limits, one bit off what is there, or any. */
  private value(now: bigint, bits: number): bigint {
    const { random } = this;
    const most = (1n << BigInt(bits)) - 1n;
    const value = random.weighted<() => bigint>([
      [4, () => now ^ (1n << BigInt(random.below(bits)))],
      [2, () => 1n << BigInt(random.below(bits))],
      [1, () => random.pick([0n, 1n, most, most >> 1n])],
      [
        2,
        () =>
          (1n << BigInt(random.pick(WIDTHS))) - PAGE * random.pick(PAGES_BELOW) - random.pick([0n, 0n, 1n]),
      ],
      [1, () => random.u64()],
    ])();
    return value & most;
  }

  private byteChange(): Change {
    return { byte: this.random.below(SVM_GUEST_BYTES), value: hex(this.random.below(256)) };
  }

  private headerChange(): Change {
    const { random } = this;
    const bytes = this.base.parts.nested?.length ?? 0;
    const sizes = [
      0,
      1,
      127,
      128,
      129,
      bytes - 1,
      bytes,
      bytes + 1,
      SVM_GUEST_BYTES,
      VMX_SHADOW_BYTES,
      0xffff_ffff,
    ];
    return random.weighted<() => Change>([
      [2, () => ({ field: HEADER.size.path, value: hex(random.pick(sizes) >>> 0) })],
      [1, () => ({ field: HEADER.format.path, value: hex(random.pick([0, 1, 2, 0x100, 0xffff])) })],
      [
        3,
        () => {
          const flags = Object.values(FLAG).reduce((sum, flag) => (random.oneIn(2) ? sum | flag : sum), 0);
          return {
            field: HEADER.flags.path,
            value: hex(random.oneIn(8) ? flags | (1 << random.below(16)) : flags),
          };
        },
      ],
    ])();
  }

  private registerChange(): Change {
    const { random } = this;
    const together = random.pick(this.vendor.registers);
    const registers = Object.entries(together).map(([name, values]) => [name, hex(random.pick(values))]);
    return { registers: Object.fromEntries(registers) };
  }

  private cpuidChange(): readonly Change[] {
    if (this.vendor.cpuid.length === 0) return [];
    const [place, values] = this.random.pick(this.vendor.cpuid);
    return [{ cpuid: place, value: hex(this.random.pick(values)) }];
  }

  private msrChange(): readonly Change[] {
    if (this.vendor.msrs.length === 0) return [];
    const [index, values] = this.random.pick(this.vendor.msrs);
    return [{ msr: hex(index), value: hex(this.random.pick(values)) }];
  }

  private sregsByteChange(): Change {
    return { sregsByte: this.random.below(SREGS_LAYOUT.cr0), value: hex(this.random.below(256)) };
  }
}
