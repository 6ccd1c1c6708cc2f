// What an entry of the error contract is, and the VMs that its calls are about. contract.ts and contract-migration.ts are
// made of entries; contract-world.ts makes the VMs.

import type { VmRequirements__Output } from '../../protos/gen/vcpud/v1/VmRequirements.js';
import type { VmState__Output } from '../../protos/gen/vcpud/v1/VmState.js';
import type { Need } from './facing.js';

/** The VMs that the calls are about. */
export interface World {
  /** Paused, two vCPUs, vCPU 0 in L2, two regions side by side. */
  readonly still: string;
  /** Paused, one vCPU, with irqchip and PIT. */
  readonly chips: string;
  /** Running: its vCPU halts in the kernel, and costs no CPU. '' where guests don't run. */
  readonly running: string;
  /** Stopped by itself: HLT without an irqchip. '' where guests don't run. */
  readonly stopped: string;
  /** Ids that no VM has. */
  readonly nobody: string;
  readonly fresh: string;
  /** What the first two hold. */
  readonly stillState: VmState__Output;
  readonly chipsState: VmState__Output;
  /** What the first one asks of a host. */
  readonly requirements: VmRequirements__Output;
  /** A state of the host's format; without nesting, of any. */
  readonly nested: Uint8Array;
  /** Makes a VM, of the shape of `chips`, that waits for a migration; gives how a source begins to send to it. */
  readonly prepare: (id: string) => Promise<Begin>;
  /** How the vcpud reaches itself; '' where that is not known. */
  readonly itself: string;
}

/** How a source begins to send to a VM that waits: ReceiveVmBegin. What is then refused costs the VM. */
export interface Begin {
  readonly name: string;
  readonly migrationId: string;
  readonly token: string;
}

/** A call: a message, or the messages of a stream. */
type Call = object | readonly object[];

export interface Wrong {
  readonly rpc: string;
  readonly what: string;
  readonly needs?: readonly Need[];
  /** Calls, all of which are answered alike; each a message, or the messages of a stream. */
  readonly calls: (world: World) => readonly Call[] | Promise<readonly Call[]>;
  readonly code: string;
  readonly reason: string;
  /** BadRequest's field. */
  readonly field?: string;
  /** PreconditionFailure's subject; VM ids without what makes them the suite's own. */
  readonly subject?: string;
  /** Metadata that must be there, among other. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export const FIRST_REGION = 0x20_0000;
export const SECOND_REGION = 0x1_0000;

export const vmOf = (id: string): string => `vms/${id}`;
export const vcpuOf = (id: string, index = 0): string => `vms/${id}/vcpus/${index}`;

export const invalid = (reason: string, field: string) => ({ code: 'INVALID_ARGUMENT', reason, field });
export const once = (request: (world: World) => Call | Promise<Call>): Wrong['calls'] => {
  return async (world) => [await request(world)];
};
