// How memory gets from a source to a destination: by messages, or by name where the destination reads it itself.

import type { ReceiveVmCommit } from '../../protos/gen/vcpud/v1/ReceiveVmCommit.js';
import type { ReceiveVmRequest } from '../../protos/gen/vcpud/v1/ReceiveVmRequest.js';
import type { ReceiveVmResponse__Output } from '../../protos/gen/vcpud/v1/ReceiveVmResponse.js';
import { api } from '../api/definitions.js';
import type { Duplex } from '../api/duplex.js';
import type { PageRange } from './page-messages.js';

/** A stream of ReceiveVm, seen from the source. */
export type Link = Duplex<Buffer, ReceiveVmResponse__Output>;

export interface Sent {
  /** Zero ones included. */
  readonly pages: number;
  readonly zeroPages: number;
  readonly bytes: number;
}

/** The most that a message names of memory that the destination reads: at one go, which takes it some milliseconds. */
export const MOST_NAMED_BYTES = 16 * 1024 * 1024;

export const NOTHING_SENT: Sent = { pages: 0, zeroPages: 0, bytes: 0 };

/** What of a commit, or of its rehearsal, is memory. */
export type CommitMemory = Pick<ReceiveVmCommit, 'pages' | 'patches'>;

export interface Carrier {
  /** Takes ranges there while the guest runs, and calls `each` now and then with what was sent so far. */
  round(ranges: Iterable<PageRange>, first: boolean, each: (soFar: Sent) => Promise<void>): Promise<Sent>;
  /** Memory for a rehearsal: what is there already. Null before there is any. */
  rehearsal(): CommitMemory | null;
  /** Takes what is left of a guest that stands still there, but for what the commit is to bring. */
  last(
    ranges: Iterable<PageRange>,
    first: boolean,
  ): Promise<{ readonly sent: Sent; readonly memory: CommitMemory }>;
}

const { requestSerialize } = api.MigrationService.service.ReceiveVm;
export const wire = (message: ReceiveVmRequest): Buffer => requestSerialize(message);
