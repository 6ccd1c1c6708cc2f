// The committed guest binary is what its source builds, with the machine's own binutils or the testbed's.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROM_BYTES, ROM_MAGIC } from '../../guests/svm-l1/layout.js';
import { cachedProgram, filledCache } from '../../testbed/cache.js';

const FOLDER = join(import.meta.dirname, '../../guests/svm-l1');
const TOOLS = ['as', 'ld', 'objcopy'] as const;
/** The testbed's packages may have to be fetched first. */
const FETCH_TIMEOUT_MS = 600_000;

/** AS, LD and OBJCOPY for build.sh: the machine's, where it has all three, else the testbed's. */
async function toolEnvironment(): Promise<Record<string, string>> {
  if (TOOLS.every((tool) => spawnSync(tool, ['--version']).status === 0)) return {};
  const cache = await filledCache((line) => void process.stderr.write(`${line}\n`));
  return Object.fromEntries(TOOLS.map((tool) => [tool.toUpperCase(), cachedProgram(cache, tool).join(' ')]));
}

test(
  'l1.bin is built from l1.S, byte for byte',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'svm-l1-'));
    try {
      const out = join(folder, 'l1.bin');
      execFileSync('sh', [join(FOLDER, 'build.sh'), out], {
        env: { ...process.env, ...(await toolEnvironment()) },
      });
      const built = readFileSync(out);
      expect(built.length).toBe(ROM_BYTES);
      expect(built.toString('latin1', 0, ROM_MAGIC.length)).toBe(ROM_MAGIC);
      expect(built.equals(readFileSync(join(FOLDER, 'l1.bin')))).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  FETCH_TIMEOUT_MS,
);
