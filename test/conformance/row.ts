// What a row of the suite is, and how it ended. Every table of this folder is made of rows;
// suite.ts runs them, report.ts prints them.

import type { Bench } from './bench.js';
import type { Facing, Need } from './facing.js';

export interface Row {
  /** The table that the row is of: the first part of its name, such as "selftest". */
  readonly group: string;
  /** What is changed from the valid default, or asked for. Unique in its group. */
  readonly name: string;
  /** What the row needs that not every endpoint has. */
  readonly needs?: readonly Need[];
  /** What a sound endpoint answers; where kernels may differ and GetHost doesn't say how, each of the answers. */
  readonly expected: (facing: Facing) => string | readonly string[];
  /** Asks, and gives the answer in the same words. */
  readonly run: (bench: Bench) => Promise<string>;
}

export type Ending = 'passed' | 'failed' | 'not applicable';

export interface Result {
  readonly group: string;
  readonly name: string;
  readonly ending: Ending;
  readonly expected: string;
  /** What came; why it was not asked, where it isn't applicable. */
  readonly got: string;
  readonly ms: number;
}

export const fullName = ({ group, name }: { readonly group: string; readonly name: string }): string =>
  `${group}/${name}`;
