import '../../lib/os/libc.js';
import { modelDriver } from '../../lib/kvm/model/model-driver.js';
import { NATIVE_DRIVER } from '../../lib/kvm/native/native-driver.js';
import { probeHost } from '../../lib/vm/host.js';
import { probeRules } from '../../lib/vm/host-rules.js';
import { capturedStates } from '../vectors/captured.js';
import { prepare } from './fuzz-case.js';
import { CASES_A_BASE, Generator } from './generate.js';
import { Pair } from './pair.js';
import { Random } from './random.js';
import { VMX_FUZZ } from './vmx.js';

const [seed = '1', states = '500', seconds = '600', dry = ''] = process.argv.slice(2);
Error.stackTraceLimit = 0;
const driver = dry === 'dry' ? modelDriver('intel') : NATIVE_DRIVER;
const { kvm, profile } = probeHost(driver);
const rules = probeRules(kvm, profile);
const model = modelDriver('intel').open();
process.stdout.write(`rules ${[...rules.enforced].sort().join(' ')}\n`);
const captured = capturedStates('vmx');
const parts = captured[0]?.parts ?? {};
const bases = [
  ...captured,
  ...VMX_FUZZ.constructed.map(([name, nested]) => ({
    name,
    parts: { ...parts, nested: Buffer.from(nested()) },
  })),
];
const generator = new Generator(VMX_FUZZ, bases, new Random(Number(seed)));
let pair = new Pair(VMX_FUZZ, rules, kvm, model);
const seen = new Map<string, number>();
const hits = new Map<string, number>();
let accepted = 0;
let tried = 0;
const since = Date.now();
let fresh = true;
let recent: unknown[] = [];
for (; tried < Number(states) && Date.now() - since < Number(seconds) * 1000; tried += 1) {
  const fuzzCase = generator.next();
  const base = bases.find(({ name }) => name === fuzzCase.base);
  if (base === undefined) continue;
  let disagreement: { where: string; kernel: string; model: string } | undefined;
  if (fresh || tried % CASES_A_BASE === 0) {
    recent = [];
    disagreement = pair.toBase(base.parts, profile.supportedCpuid);
    fresh = false;
  }
  recent.push({ l: fuzzCase.leaveFirst, c: fuzzCase.changes });
  if (disagreement === undefined) {
    const outcome = pair.run(
      prepare('VMX', base.parts, profile.supportedCpuid, fuzzCase),
      fuzzCase.leaveFirst,
    );
    disagreement = outcome.disagreement;
    if (outcome.answer === '0') accepted += 1;
    if (outcome.rule !== undefined) hits.set(outcome.rule, (hits.get(outcome.rule) ?? 0) + 1);
    if (disagreement !== undefined)
      (disagreement as { answer?: string; rule?: string }) = {
        ...disagreement,
        answer: outcome.answer,
        rule: outcome.rule,
      } as never;
  }
  if (disagreement === undefined) continue;
  const n = (seen.get(disagreement.where) ?? 0) + 1;
  seen.set(disagreement.where, n);
  if (n <= 3) {
    process.stdout.write(
      `DIS ${tried} ${JSON.stringify(disagreement)} base=${fuzzCase.base} earlier=${recent.length - 1} ${JSON.stringify(recent.slice(-2))}\n`,
    );
  }
  pair.close();
  pair = new Pair(VMX_FUZZ, rules, kvm, model);
  fresh = true;
}
process.stdout.write(`tried ${tried} accepted ${accepted} in ${(Date.now() - since) / 1000} s\n`);
for (const [where, n] of [...seen].sort((a, b) => b[1] - a[1])) process.stdout.write(`  ${n} x ${where}\n`);
for (const [rule, n] of [...hits].sort((a, b) => b[1] - a[1])) process.stdout.write(`    ${n} ${rule}\n`);
