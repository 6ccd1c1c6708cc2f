// The demo on the model driver, where there is no KVM: a live L2's state, as a real kernel gave it, is validated, moved
// from one vcpud to another, held against what left, refused with one field changed, and reset. No guest runs. Run by
// demo/main.ts: model.js amd|intel [--json].

import { errorInfoOf } from '../lib/api/error-details.js';
import { vcpuState } from '../lib/api/vcpu-state.js';
import { migrate, type Phase } from '../lib/migration/migrate.js';
import { FLAG, HEADER, VMCB12_CONTROL, VMCS12 } from '../lib/nested/layout.js';
import type { NestedState__Output } from '../protos/gen/vcpud/v1/NestedState.js';
import type { VcpuState__Output } from '../protos/gen/vcpud/v1/VcpuState.js';
import type { CpuKind } from '../test/harness/host-kind.js';
import { startVcpud, type VcpudProcess } from '../test/harness/vcpud-process.js';
import { capturedStates } from '../test/vectors/captured.js';
import { Phases } from './phases.js';

const VM = 'demo';
const NAME = `vms/${VM}`;
const VCPU = `${NAME}/vcpus/0`;
const MEMORY = { gpa: 0, sizeBytes: 16 * 1024 * 1024 };

/** What differs between the vendors: whose states, and a field whose zero the kernel refuses. */
const VENDORS = {
  amd: { kind: 'svm', extension: 'SVM', zeroed: VMCB12_CONTROL.asid },
  intel: { kind: 'vmx', extension: 'VMX', zeroed: VMCS12.revision_id },
} as const;

export interface ModelDemoResult {
  readonly driver: 'model';
  readonly vendor: CpuKind;
  readonly kernel: string;
  readonly format: 'SVM' | 'VMX';
  readonly guest_mode: boolean;
  readonly nested_state_bytes: number;
  /** The reason by which the changed state was refused. */
  readonly refused: string;
  readonly phases: ReadonlyArray<{ readonly name: string; readonly ms: number }>;
  readonly verified: boolean;
}

/** A vCPU in L2, as the real kernel gave it. */
function liveL2(cpu: CpuKind) {
  const found = capturedStates(VENDORS[cpu].kind).find(
    ({ parts: { nested } }) => ((nested?.readUInt16LE(HEADER.flags.offset) ?? 0) & FLAG.GUEST_MODE) !== 0,
  );
  if (found === undefined) throw new Error(`no state of a live L2 is kept for ${cpu}`);
  return found;
}

async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    return errorInfoOf(error as Parameters<typeof errorInfoOf>[0])?.reason ?? 'without a reason';
  }
  return '';
}

const inL2 = (state: NestedState__Output | null): boolean =>
  state?.flags.includes('NESTED_STATE_FLAG_GUEST_MODE') ?? false;

async function demo(cpu: CpuKind, say: (line: string) => void): Promise<ModelDemoResult> {
  const { extension, zeroed } = VENDORS[cpu];
  say(
    "No kernel is involved: this is vcpud's model of one. It takes states and gives them back as that kernel",
  );
  say('does, and runs no guest.');
  const phases = new Phases(say);
  const vcpuds: VcpudProcess[] = [];
  try {
    await phases.timed('serve', 'two vcpud processes listen on their sockets', async () => {
      const serve = () => startVcpud(['--driver', 'model', '--cpu', cpu]);
      vcpuds.push(...(await Promise.all([serve(), serve()])));
    });
    const [{ client: source }, { client: destination }] = vcpuds as [VcpudProcess, VcpudProcess];
    const { host } = await destination.host.GetHost({});
    await phases.timed('create', 'a VM at the source', () =>
      source.vm.CreateVm({ vmId: VM, vm: { vcpuCount: 1, memoryRegions: [MEMORY] } }),
    );
    const live = liveL2(cpu);
    await phases.timed('load', `a live L2 as a real kernel gave it: "${live.name}"`, async () => {
      const { state } = await source.vcpu.GetVcpuState({ name: VCPU });
      await source.vcpu.SetVcpuState({ name: VCPU, state: { ...state, ...vcpuState(live.parts) } });
    });
    let given: VcpuState__Output | undefined;
    const validate = async (state: VcpuState__Output): Promise<boolean> => {
      given = state;
      const { violations } = await phases.timed('validate', 'no rule of the destination refuses it', () =>
        destination.nested.ValidateNestedState({
          nestedState: state.nestedState,
          described: {
            format: host?.nested?.format ?? 'NESTED_STATE_FORMAT_UNSPECIFIED',
            enforcedRules: host?.enforcedRules ?? [],
            cpuid: state.cpuid,
            sregs: state.sregs2,
            msrs: state.msrs,
            events: state.events,
          },
        }),
      );
      if (violations[0] !== undefined) throw new Error(violations[0].message);
      return true;
    };
    const notes: Record<Phase, string> = {
      create: 'a VM of the same shape at the destination',
      pause: 'nothing runs: nothing to stop',
      capture: 'every vCPU and the devices',
      move: 'guest memory, source to destination',
      set: 'the state at the destination, checked against the rules first',
      check: 'memory and state read back at the destination equal what left the source',
      resume: 'the model runs no guest',
      delete: 'the source has no trace of it',
    };
    await migrate({
      source,
      destination,
      vmId: VM,
      accept: async ({ vcpus: [vcpu] }) => vcpu !== undefined && validate(vcpu),
      onPhase: (name, ms) => phases.add(name === 'create' ? 'prepare' : name, ms, notes[name]),
    });
    const held = (await destination.nested.GetNestedState({ name: VCPU })).nestedState;
    const spoilt = Buffer.from(held?.data ?? []);
    spoilt.fill(0, zeroed.offset, zeroed.offset + zeroed.bytes);
    const refused = await phases.timed(
      'refuse',
      `the same with ${zeroed.path} 0; the vCPU stays as it is`,
      () => refusalOf(destination.nested.SetNestedState({ name: VCPU, nestedState: { data: spoilt } })),
    );
    const unchanged = (await destination.nested.GetNestedState({ name: VCPU })).nestedState;
    const reset = await phases.timed('reset', 'the vCPU is out of L2, at power-on state', () =>
      destination.nested.Reset({ name: VCPU }),
    );
    return {
      driver: 'model',
      vendor: cpu,
      kernel: host?.kernelRelease ?? '',
      format: extension,
      guest_mode: inL2(given?.nestedState ?? null),
      nested_state_bytes: held?.data.length ?? 0,
      refused,
      phases: phases.all,
      // migrate() has thrown where memory or state, read back, were not what left the source.
      verified:
        inL2(held) &&
        refused !== '' &&
        held?.data.equals(unchanged?.data ?? Buffer.alloc(0)) === true &&
        !inL2(reset.nestedState),
    };
  } finally {
    await Promise.all(vcpuds.map((vcpud) => vcpud.stop()));
  }
}

function summary(result: ModelDemoResult): string[] {
  return [
    '',
    `kernel         none: a model of Linux ${result.kernel} with nested ${result.format}`,
    `nested state   ${result.format}, ${result.nested_state_bytes} bytes, ${result.guest_mode ? 'in L2' : 'not in L2'}`,
    `refused        ${result.refused}`,
    `verified       ${result.verified ? 'yes: read back equal, unchanged by the refusal, out of L2 after the reset' : 'NO'}`,
  ];
}

const [cpu, json] = process.argv.slice(2);
const toErr = json === '--json';
const say = (line: string) => void (toErr ? process.stderr : process.stdout).write(`${line}\n`);
const result = await demo(cpu === 'intel' ? 'intel' : 'amd', say);
if (toErr) process.stdout.write(`${JSON.stringify(result)}\n`);
else for (const line of summary(result)) say(line);
process.exitCode = result.verified ? 0 : 1;
