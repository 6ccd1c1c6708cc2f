// The small guest that goes back and forth. For the demo.

import type { VcpudClient } from '../../lib/api/client.js';
import { createGuest, NORMAL, readCounters } from '../guests/guest.js';
import { countersOf, troublesOfSmall } from '../guests/small-console.js';
import { MovingGuest, type Station } from './moving-guest.js';

/** Increments between two hypercalls: a tenth of the guest's own, so that it is in L1 now and then when it is stopped. */
const INCREMENTS = 8192;
/** Hypercalls between two lines: some ten lines a second on an emulated host. */
const REPORT = 64;

export class MovingSmall extends MovingGuest {
  constructor(from: Station, to: Station) {
    super('small', 'CONSOLE_PORT_DEBUG', from, to);
  }

  protected make(client: VcpudClient): Promise<void> {
    const parameters = { ...NORMAL, increments: INCREMENTS, report: REPORT };
    return createGuest(client, this.vmId, parameters, 1);
  }

  protected counts(line: string): boolean {
    return countersOf(line) !== undefined;
  }

  protected troubles(lines: readonly string[]): string[] {
    return troublesOfSmall(lines, BigInt(REPORT), BigInt(INCREMENTS));
  }

  get count(): string {
    const last = this.console.guest.lines.findLast((line) => this.counts(line)) ?? '';
    return String(countersOf(last)?.l2 ?? 0n);
  }

  /** How often it came from its reset vector: once, whatever was done with it since. */
  async starts(): Promise<bigint> {
    return (await readCounters(this.from.client, this.vmId, 0)).starts;
  }

  override async end(): Promise<string[]> {
    const starts = await this.starts();
    return [...(await super.end()), ...(starts === 1n ? [] : [`it started ${starts} times`])];
  }
}
