// A vCPU of the suite's: given what a row wants it to hold, asked, and looked at afterwards. Rows that want the same
// follow one another, so that a vCPU is given a whole state seldom; that dear call is most of what a row costs.

import { type NestedFormat, VMCS12_REVISION } from '../../lib/nested/layout.js';
import type { VcpuFacts } from '../../lib/nested/rule.js';
import type { SetNestedStateResponse__Output } from '../../protos/gen/vcpud/v1/SetNestedStateResponse.js';
import type { VcpuState__Output } from '../../protos/gen/vcpud/v1/VcpuState.js';
import {
  SVM_VCPU,
  svmGuestMode,
  svmHeaderOnly,
  VMX_VCPU,
  vmxGuestMode,
  vmxOff,
} from '../vectors/nested-states.js';
import type { Ground } from './ground.js';
import {
  differences,
  L1_IN_LONG_MODE,
  maxPhyAddrOf,
  nestedBytes,
  type SettableFacts,
  withFacts,
  withNestedState,
} from './vcpu-facts.js';
import { type Refusal, refusalOf } from './wire.js';

/** What a row wants its vCPU to hold: an L1 in long mode but for the facts given. */
export interface Wanted {
  readonly facts?: SettableFacts;
  /** Whether the vCPU is in L2, with the plainest state there is: so that there is something to lose. */
  readonly inL2?: boolean;
  /** The first four bytes of guest memory where states of test/vectors link a VMCS; by default those of a shadow VMCS. */
  readonly linkedVmcs?: number;
}

/** Where vmxShadow() and others link a VMCS. */
export const LINKED_VMCS_GPA = 0x5000n;
const SHADOW_VMCS = 0x8000_0000 + VMCS12_REVISION;

const keyOf = (wanted: Wanted): string =>
  JSON.stringify(wanted, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));

const IN_L2 = { SVM: svmGuestMode, VMX: vmxGuestMode } as const;
const DEFAULT_FACTS: Readonly<Record<NestedFormat, VcpuFacts>> = { SVM: SVM_VCPU, VMX: VMX_VCPU };
const OUT_OF_L2 = { SVM: svmHeaderOnly, VMX: vmxOff } as const;

/** A verdict on a nested state: what refused it, or what became of it. */
export type Verdict =
  | { readonly refusal: Refusal; readonly answer?: undefined }
  | { readonly refusal?: undefined; readonly answer: SetNestedStateResponse__Output };

export class SuiteVcpu {
  readonly name: string;
  private readonly ground: Ground;
  /** What it held at power-on. */
  readonly fresh: VcpuState__Output;
  /** What it was last given; undefined where it may hold anything. */
  private key: string | undefined;
  private held: VcpuState__Output | undefined;
  /** How many rows have asked since. */
  private asked = 0;

  constructor(ground: Ground, name: string, fresh: VcpuState__Output) {
    this.ground = ground;
    this.name = name;
    this.fresh = fresh;
  }

  async hold(wanted: Wanted): Promise<void> {
    const key = keyOf(wanted);
    if (this.key === key) {
      this.asked += 1;
      return;
    }
    await this.audit();
    this.key = undefined;
    const format = this.ground.facing.format;
    const base = format === undefined ? {} : L1_IN_LONG_MODE[format];
    let state = withFacts(this.fresh, { ...base, ...wanted.facts });
    if (format !== undefined) {
      state = withNestedState(state, (wanted.inL2 === true ? IN_L2 : OUT_OF_L2)[format]());
    }
    if (format === 'VMX') await this.linkVmcs(LINKED_VMCS_GPA, wanted.linkedVmcs ?? SHADOW_VMCS);
    await this.give(state);
    this.held = await this.state();
    this.key = key;
    this.asked = 1;
  }

  /** KVM reads a linked VMCS's header when it is given a state that links it. */
  async linkVmcs(gpa: bigint, header: number): Promise<void> {
    const data = Buffer.alloc(4);
    data.writeUInt32LE(header);
    const vm = this.name.replace(/\/vcpus\/.*$/, '');
    await this.ground.client.writeMemory([{ name: vm, gpa: gpa.toString(), data }]);
  }

  /** SetVcpuState. */
  async give(state: VcpuState__Output): Promise<void> {
    await this.ground.client.vcpu.SetVcpuState({ name: this.name, state });
  }

  /** Everything that it holds now. */
  state(): Promise<VcpuState__Output> {
    return this.ground.stateOf(this.name);
  }

  /** What it held when the row began. */
  get before(): VcpuState__Output {
    if (this.held === undefined) throw new Error('the vCPU was given nothing yet');
    return this.held;
  }

  /** What the states of test/vectors are made for: only the address width is this vCPU's own. */
  get facts(): VcpuFacts {
    const defaults = DEFAULT_FACTS[this.ground.facing.format ?? 'SVM'];
    return { ...defaults, maxPhyAddr: maxPhyAddrOf(this.before) };
  }

  /** The nested state that it holds now. */
  async nested(): Promise<Buffer> {
    const { nestedState } = await this.ground.client.nested.GetNestedState({ name: this.name });
    return nestedState?.data ?? Buffer.alloc(0);
  }

  /** The row has changed it: the next one gets it anew. */
  disturb(): void {
    this.key = undefined;
  }

  /** SetNestedState. A state that is taken disturbs. */
  async set(data: Uint8Array, how: { readonly kernelVerdict: boolean }): Promise<Verdict> {
    let answer: SetNestedStateResponse__Output | undefined;
    const refusal = await refusalOf(
      this.ground.client.nested
        .SetNestedState({ name: this.name, nestedState: { data: Buffer.from(data) }, ...how })
        .then((given) => {
          answer = given;
        }),
    );
    if (refusal !== undefined) return { refusal };
    this.disturb();
    if (answer === undefined) throw new Error('SetNestedState answers nothing');
    return { answer };
  }

  /** ValidateNestedState against it: the reasons of the rules that the state breaks, in order. */
  async violations(data: Uint8Array): Promise<string[]> {
    const { violations } = await this.ground.client.nested.ValidateNestedState({
      nestedState: { data: Buffer.from(data) },
      name: this.name,
    });
    return violations.map(({ reason }) => reason);
  }

  /**
   * "unchanged", or what the vCPU now holds of another nested state. Registers are looked at when the vCPU is next given
   * another state (audit): the whole of it costs as much as ten rows.
   */
  async unchanged(): Promise<string> {
    const now = await this.nested();
    const former = nestedBytes(this.before);
    if (now.equals(former)) return 'unchanged';
    this.disturb();
    return `changed: ${now.length} bytes of nested state for ${former.length}, or others`;
  }

  /** Compares the whole vCPU with what it was given, unless a row has changed it; remembers what is unlike. */
  async audit(): Promise<void> {
    if (this.key === undefined || this.held === undefined) return;
    const unlike = differences(this.held, await this.state());
    if (unlike.length > 0) {
      this.ground.disturbed.push(`${unlike.join(', ')} after ${this.asked} rows on ${this.key}`);
    }
  }
}
