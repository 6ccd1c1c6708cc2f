// CLOCK_MONOTONIC, which all processes of a host share, and by what another process knows that it is the same one.

import { readFileSync } from 'node:fs';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** A moment by the clock of one boot of one host. */
export interface Moment {
  /** Microseconds. */
  readonly us: number;
  readonly bootId: string;
}

let bootId: string | undefined;

function ownBootId(): string {
  try {
    return readFileSync(BOOT_ID, 'latin1').trim();
  } catch {
    return ''; // without /proc no clock is known to be another's
  }
}

/** Now. */
export function moment(): Moment {
  bootId ??= ownBootId();
  return { us: Number(process.hrtime.bigint() / 1000n), bootId };
}

/** Milliseconds from one moment to another; undefined where they are of different clocks. */
export function msBetween(from: Moment, to: Moment): number | undefined {
  return from.bootId !== '' && from.bootId === to.bootId ? (to.us - from.us) / 1000 : undefined;
}
