// The differential fuzz: cases are made, given to both vCPUs of a pair, and counted; the first on which the two are not
// of one mind is shrunk and told as a row of test/vectors/fuzz-rows.ts.

import { MODEL_VENDORS, type ModelVendor, modelDriver } from '../../lib/kvm/model/model-driver.js';
import { NATIVE_DRIVER } from '../../lib/kvm/native/native-driver.js';
import type { SystemPort } from '../../lib/kvm/port.js';
import type { KernelFacts } from '../../lib/nested/rule.js';
import { RULES, type RuleReason } from '../../lib/nested/rules.js';
import { probeHost } from '../../lib/vm/host.js';
import { probeRules } from '../../lib/vm/host-rules.js';
import { type CapturedState, capturedStates } from '../vectors/captured.js';
import { type FuzzCase, prepare } from './fuzz-case.js';
import { CASES_A_BASE, Generator } from './generate.js';
import { type Disagreement, type Outcome, Pair } from './pair.js';
import { Random } from './random.js';
import { SVM_FUZZ } from './svm.js';
import type { FuzzVendor } from './vendor.js';
import { VMX_FUZZ } from './vmx.js';

export const FUZZ_VENDORS: Readonly<Partial<Record<ModelVendor, FuzzVendor>>> = {
  amd: SVM_FUZZ,
  intel: VMX_FUZZ,
};

export interface FuzzLimits {
  readonly seed: number;
  /** Whichever comes first ends it. */
  readonly seconds: number;
  readonly states: number;
}

export interface FuzzReport {
  readonly tried: number;
  readonly accepted: number;
  /** How often each rule refused. */
  readonly hits: ReadonlyMap<RuleReason, number>;
  /** Rules of this vendor that no state broke and that are not known to be out of reach. */
  readonly missed: readonly RuleReason[];
  /** Rules that are out of reach, with the reason. */
  readonly unreachable: ReadonlyMap<RuleReason, string>;
  readonly found: Finding | undefined;
  readonly seconds: number;
}

/** A disagreement, and the fewest cases that show it on new vCPUs. */
export interface Finding extends Disagreement {
  readonly cases: readonly FuzzCase[];
}

/** Rules that the kernel of this format can apply. */
const rulesOf = ({ format }: FuzzVendor): RuleReason[] =>
  RULES.filter(({ reason, origin }) => {
    const other = format === 'SVM' ? 'VMX_' : 'SVM_';
    return origin === 'kernel' && !reason.startsWith(other);
  }).map(({ reason }) => reason);

function basesOf({ kind, constructed }: FuzzVendor): readonly CapturedState[] {
  const captured = capturedStates(kind);
  const parts = captured[0]?.parts ?? {};
  return [
    ...captured,
    ...constructed.map(([name, nested]) => ({ name, parts: { ...parts, nested: Buffer.from(nested()) } })),
  ];
}

export class Fuzz {
  private readonly vendor: FuzzVendor;
  private readonly bases: ReadonlyMap<string, CapturedState>;
  private readonly kernel: SystemPort;
  private readonly model: SystemPort;
  private readonly rules: KernelFacts;
  private readonly cpuid: Buffer;

  constructor(cpu: ModelVendor) {
    const vendor = FUZZ_VENDORS[cpu];
    if (vendor === undefined) throw new RangeError(`there is a fuzz of ${MODEL_VENDORS.join(', ')} only`);
    this.vendor = vendor;
    this.bases = new Map(basesOf(vendor).map((state) => [state.name, state]));
    const { kvm, profile } = probeHost(NATIVE_DRIVER);
    if (profile.nested.format !== vendor.format) throw new RangeError(`this host has no ${vendor.format}`);
    this.kernel = kvm;
    this.rules = probeRules(kvm, profile);
    this.cpuid = profile.supportedCpuid;
    this.model = modelDriver(cpu).open();
  }

  private pair(): Pair {
    return new Pair(this.vendor, this.rules, this.kernel, this.model);
  }

  private base(name: string): CapturedState {
    const base = this.bases.get(name);
    if (base === undefined) throw new RangeError(`there is no captured state ${name}`);
    return base;
  }

  private step(pair: Pair, fuzzCase: FuzzCase): Outcome {
    const { parts } = this.base(fuzzCase.base);
    return pair.run(prepare(this.vendor.format, parts, this.cpuid, fuzzCase), fuzzCase.leaveFirst);
  }

  /** Gives a list of cases to new vCPUs. The last one's outcome, or the first disagreement. */
  replay(cases: readonly FuzzCase[]): Outcome {
    const pair = this.pair();
    try {
      let outcome: Outcome = { answer: '', rule: undefined, disagreement: undefined };
      let base: string | undefined;
      for (const fuzzCase of cases) {
        if (base !== fuzzCase.base) {
          base = fuzzCase.base;
          const disagreement = pair.toBase(this.base(base).parts, this.cpuid);
          if (disagreement !== undefined) return { ...outcome, disagreement };
        }
        outcome = this.step(pair, fuzzCase);
        if (outcome.disagreement !== undefined) return outcome;
      }
      return outcome;
    } finally {
      pair.close();
    }
  }

  /** Runs until a limit or a disagreement. `told`: called about once a second with what has been done so far. */
  run({ seed, seconds, states }: FuzzLimits, told: (tried: number, accepted: number) => void): FuzzReport {
    const generator = new Generator(this.vendor, [...this.bases.values()], new Random(seed));
    const hits = new Map<RuleReason, number>();
    const since = performance.now();
    const elapsed = (): number => (performance.now() - since) / 1000;
    const pair = this.pair();
    let recent: FuzzCase[] = [];
    let accepted = 0;
    let tried = 0;
    let found: Finding | undefined;
    for (let nextWord = 1; tried < states && elapsed() < seconds && found === undefined; tried += 1) {
      const fuzzCase = generator.next();
      let disagreement: Disagreement | undefined;
      if (tried % CASES_A_BASE === 0) {
        recent = [];
        disagreement = pair.toBase(this.base(fuzzCase.base).parts, this.cpuid);
      }
      recent.push(fuzzCase);
      if (disagreement === undefined) {
        const outcome = this.step(pair, fuzzCase);
        disagreement = outcome.disagreement;
        if (outcome.answer === '0') accepted += 1;
        if (outcome.rule !== undefined) hits.set(outcome.rule, (hits.get(outcome.rule) ?? 0) + 1);
      }
      if (disagreement !== undefined) found = this.shrink(recent, disagreement);
      if (elapsed() > nextWord) {
        nextWord = elapsed() + 1;
        told(tried + 1, accepted);
      }
    }
    pair.close();
    const { unreachable } = this.vendor;
    const missed = rulesOf(this.vendor).filter((reason) => !hits.has(reason) && !unreachable.has(reason));
    return { tried, accepted, hits, missed, unreachable, found, seconds: elapsed() };
  }

  /** Leaves away whole cases, then single changes, as long as the two still disagree. */
  private shrink(cases: readonly FuzzCase[], disagreement: Disagreement): Finding {
    let best: readonly FuzzCase[] = cases;
    let shown = disagreement;
    const better = (candidate: readonly FuzzCase[]): boolean => {
      const again = candidate.length === 0 ? undefined : this.replay(candidate).disagreement;
      if (again === undefined) return false;
      best = candidate;
      shown = again;
      return true;
    };
    better(cases.slice(-1));
    // The last case is the one that shows it; those before go from the first on.
    for (let at = 0; at < best.length - 1; ) if (!better(best.filter((_, i) => i !== at))) at += 1;
    for (let at = 0; at < best.length; at += 1) {
      for (let i = 0; i < (best[at]?.changes.length ?? 0); ) {
        const fewer = (fuzzCase: FuzzCase, j: number): FuzzCase =>
          j === at ? { ...fuzzCase, changes: fuzzCase.changes.filter((_, k) => k !== i) } : fuzzCase;
        if (!better(best.map(fewer))) i += 1;
      }
    }
    return { ...shown, cases: best };
  }

  close(): void {
    this.kernel.close();
    this.model.close();
  }
}
