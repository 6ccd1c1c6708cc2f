// Whether more files can be opened: asked of a process that may have few.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { requireDescriptors } from '../../../lib/os/descriptors.js';
import { processFacts } from '../../harness/process-facts.js';

const MODULE = join(process.cwd(), 'dist/lib/os/descriptors.js');

/** A program that asks twice for so many, and prints the errors and how many descriptors it then has more than before. */
const program = (count: number): string => `
  import { readdirSync } from 'node:fs';
  import { requireDescriptors } from '${MODULE}';
  const open = () => readdirSync('/proc/self/fd').length;
  const before = open();
  const codes = [1, 2].map(() => {
    try { requireDescriptors(${count}); return 'enough'; } catch (error) { return error.code; }
  });
  console.log(JSON.stringify([...codes, open() - before]));`;

async function asked(limit: number, count: number): Promise<unknown> {
  const { stdout } = await promisify(execFile)('prlimit', [
    `--nofile=${limit}`,
    process.execPath,
    '--input-type=module',
    '--eval',
    program(count),
  ]);
  return JSON.parse(stdout);
}

test('with room enough nothing happens, and nothing stays open', () => {
  requireDescriptors(50);
  const before = processFacts(process.pid).descriptors;
  requireDescriptors(50);
  expect(processFacts(process.pid).descriptors).toBe(before);
});

test('without it is EMFILE, each time, and nothing stays open', async () => {
  expect(await asked(64, 100)).toEqual(['EMFILE', 'EMFILE', 0]);
  expect(await asked(256, 100)).toEqual(['enough', 'enough', 0]);
});
