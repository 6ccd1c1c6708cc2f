// NestedStateService: the nested state of a vCPU, got, set, reset, and got of many at once.

import type { Logger } from 'pino';
import { nestedState } from '../lib/api/vcpu-state.js';
import { VcpudError } from '../lib/errors/vcpud-error.js';
import { SIZE } from '../lib/kvm/abi.js';
import { knownOf, newVcpuFacts, vcpuFacts } from '../lib/kvm/vcpu-facts.js';
import { HEADER_BYTES, type NestedFormat } from '../lib/nested/layout.js';
import { ALL_BUT_MEMORY, EVERYTHING_KNOWN, type Judgement, judgeNestedState } from '../lib/nested/rules.js';
import { nestedNotSupported } from '../lib/state/nested-access.js';
import type { Caller, Vm } from '../lib/vm/vm.js';
import type { VmRegistry } from '../lib/vm/vm-registry.js';
import type { NestedState__Output } from '../protos/gen/vcpud/v1/NestedState.js';
import type { NestedStateServiceHandlers } from '../protos/gen/vcpud/v1/NestedStateService.js';
import type { NestedStateTarget__Output } from '../protos/gen/vcpud/v1/NestedStateTarget.js';
import { unary } from './handlers.js';
import { byteRanges, duration, timestamp } from './messages.js';
import { parseVcpuName, parseVmName, vcpuName } from './names.js';

const MOST_NAMES = 1024;
const ANY_VM = 'vms/-';

export function nestedStateService(vms: VmRegistry, log: Logger): NestedStateServiceHandlers {
  const named = (name: string, field = 'name') => {
    const { vm: id, index } = parseVcpuName(name, field);
    const vm = vms.get(id);
    vm.vcpu(index);
    return { name, vm, index };
  };
  const liveFacts = (caller: Caller, name: string) => {
    const { vm, index } = named(name);
    return vm.factsOf(caller, index);
  };
  const newVcpu = () => {
    if (!vms.host.nested.enabled) throw nestedNotSupported();
    return newVcpuFacts(vms.host.supportedCpuid, vms.host.vmxCapabilityMsrs);
  };
  return {
    GetNestedState: unary(log, async ({ name }) => {
      const { vm, index } = named(name);
      const { bytes, outMs, time } = await vm.getNestedState(index);
      return { nestedState: nestedState(bytes), stopDuration: duration(outMs), captureTime: timestamp(time) };
    }),
    SetNestedState: unary(log, async ({ name, nestedState: given, validateOnly, kernelVerdict }, caller) => {
      const { vm, index } = named(name);
      const bytes = bytesOf(given);
      if (validateOnly && kernelVerdict) {
        const message = 'validate_only asks for the checks alone, kernel_verdict for none of them';
        throw VcpudError.of('FIELDS_EXCLUSIVE', message, { field: 'kernel_verdict' });
      }
      if (validateOnly) {
        await vm.checkNestedState(caller, index, bytes);
        return { nestedState: nestedState(bytes), ignored: [] };
      }
      const { held, ignored } = kernelVerdict
        ? await vm.setNestedStateUnchecked(caller, index, bytes)
        : await vm.setNestedState(caller, index, bytes);
      return { nestedState: nestedState(held), ignored: byteRanges(ignored) };
    }),
    ValidateNestedState: unary(log, async ({ nestedState: given, target, name, described }, caller) => {
      const bytes = bytesOf(given);
      let judgement: Judgement;
      if (target === 'described' && described) {
        const { facts, kernel, known } = describedTarget(described);
        judgement = judgeNestedState(bytes, facts, kernel, known);
      } else {
        const live = target === 'name' && name !== undefined;
        const facts = live ? await liveFacts(caller, name) : newVcpu();
        judgement = judgeNestedState(bytes, facts, vms.rules, live ? EVERYTHING_KNOWN : ALL_BUT_MEMORY);
      }
      return {
        violations: judgement.violations.map(({ reason, errno, returns, field, message, source, origin }) => {
          const says =
            origin === 'kernel' ? { errno, returnValue: returns ?? 0 } : { errno: '', returnValue: 0 };
          return { reason, ...says, field, message, source };
        }),
        unjudgedRules: [...judgement.unjudged],
        nestedState: bytes.length < HEADER_BYTES ? null : nestedState(bytes),
      };
    }),
    Reset: unary(log, async ({ name }, caller) => {
      const { vm, index } = named(name);
      const held = await vm.reset(caller, index);
      return { nestedState: held === undefined ? null : nestedState(held) };
    }),
    BatchGetNestedStates: unary(log, async ({ parent, names }) => {
      const targets = batchNames(vms, parent, names).map((name, i) => named(name, `names[${i}]`));
      const states = await Promise.all(targets.map(({ vm, index }) => vm.getNestedState(index)));
      return {
        nestedStates: states.map(({ bytes }, i) => ({
          name: targets[i]?.name ?? '',
          nestedState: nestedState(bytes),
        })),
      };
    }),
  };
}

function bytesOf(given: NestedState__Output | null): Buffer {
  if (given !== null) return given.data;
  throw VcpudError.of('FIELD_REQUIRED', 'nested_state is required', { field: 'nested_state' });
}

const FORMAT_NAMES: Readonly<Record<string, NestedFormat>> = {
  NESTED_STATE_FORMAT_SVM: 'SVM',
  NESTED_STATE_FORMAT_VMX: 'VMX',
};

/** What the rules ask of a vCPU that is only described, and what of it is known. */
function describedTarget({ format, enforcedRules, ...given }: NestedStateTarget__Output) {
  const known = FORMAT_NAMES[format];
  if (known === undefined) {
    const message = 'described.format is required: SVM or VMX';
    throw VcpudError.of('FIELD_REQUIRED', message, { field: 'described.format' });
  }
  const parts: Partial<Record<DescribedPart, Buffer>> = {};
  for (const [name, legal] of Object.entries(DESCRIBED_SIZES) as Array<[DescribedPart, LegalSize]>) {
    const bytes = given[name];
    if (bytes.length === 0) continue;
    if (!legal.fits(bytes.length)) {
      throw VcpudError.of('STATE_SIZE_WRONG', `described.${name} must be ${legal.expected}`, {
        field: `described.${name}`,
        metadata: { part: name, expected: legal.expected },
      });
    }
    parts[name] = bytes;
  }
  return {
    facts: vcpuFacts(parts),
    kernel: { format: known, enforced: new Set(enforcedRules) },
    known: knownOf(parts),
  };
}

type DescribedPart = 'cpuid' | 'sregs' | 'msrs' | 'events';

interface LegalSize {
  readonly expected: string;
  readonly fits: (bytes: number) => boolean;
}

const rowsOf = (bytes: number): LegalSize => {
  return { expected: `a multiple of ${bytes} bytes`, fits: (length) => length % bytes === 0 };
};

const DESCRIBED_SIZES: Readonly<Record<DescribedPart, LegalSize>> = {
  cpuid: rowsOf(SIZE.cpuidEntry),
  sregs: {
    expected: `${SIZE.sregs} or ${SIZE.sregs2} bytes`,
    fits: (length) => length === SIZE.sregs || length === SIZE.sregs2,
  },
  msrs: rowsOf(SIZE.msrEntry),
  events: { expected: `${SIZE.events} bytes`, fits: (length) => length === SIZE.events },
};

/** The names that a batch asks for, checked against its parent. */
function batchNames(vms: VmRegistry, parent: string, names: readonly string[]): readonly string[] {
  if (names.length > MOST_NAMES) {
    throw VcpudError.of('TOO_MANY_NAMES', `a batch takes at most ${MOST_NAMES} names, not ${names.length}`, {
      field: 'names',
      metadata: { names: String(names.length) },
    });
  }
  if (parent === ANY_VM) {
    if (names.length > 0) return names;
    throw VcpudError.of('FIELD_REQUIRED', `names is required with the parent ${ANY_VM}`, { field: 'names' });
  }
  const vm: Vm = vms.get(parseVmName(parent, 'parent'));
  if (names.length === 0) return vm.vcpus.map(({ index }) => vcpuName(vm.config.id, index));
  const stray = names.findIndex((name) => !name.startsWith(`${parent}/vcpus/`));
  if (stray < 0) return names;
  throw VcpudError.of('NAME_MALFORMED', `names[${stray}] is not below ${parent}`, {
    field: `names[${stray}]`,
  });
}
