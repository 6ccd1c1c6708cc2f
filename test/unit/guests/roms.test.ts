// The committed guest binaries are what their sources build, with the machine's own binutils or the testbed's.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { romPath } from '../../guests/guest.js';
import { ROM_BYTES } from '../../guests/layout.js';
import { cachedProgram, filledCache } from '../../testbed/cache.js';

const FOLDER = join(import.meta.dirname, '../../guests');
const TOOLS = ['as', 'ld', 'objcopy'] as const;
/** The testbed's packages may have to be fetched first. */
const FETCH_TIMEOUT_MS = 600_000;

/** AS, LD and OBJCOPY for build.sh: the machine's, where it has all three, else the testbed's. */
async function toolEnvironment(): Promise<Record<string, string>> {
  if (TOOLS.every((tool) => spawnSync(tool, ['--version']).status === 0)) return {};
  const cache = await filledCache((line) => void process.stderr.write(`${line}\n`));
  return Object.fromEntries(TOOLS.map((tool) => [tool.toUpperCase(), cachedProgram(cache, tool).join(' ')]));
}

/** What build script makes of source, both below FOLDER. */
async function built(script: string, source: string): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'guests-'));
  try {
    const out = join(folder, 'out.bin');
    execFileSync('sh', [join(FOLDER, script), join(FOLDER, source), out], {
      env: { ...process.env, ...(await toolEnvironment()) },
    });
    return readFileSync(out);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test.each(['svm', 'vmx'] as const)(
  '%s-l1/l1.bin is built from its source, byte for byte',
  async (kind) => {
    const rom = await built('build.sh', `${kind}-l1/l1.S`);
    expect(rom.length).toBe(ROM_BYTES);
    const name = `vcpud ${kind}-l1`;
    expect(rom.toString('latin1', 0, name.length)).toBe(name);
    expect(rom.equals(readFileSync(romPath(kind)))).toBe(true);
  },
  FETCH_TIMEOUT_MS,
);

test.each(['l2-counter', 'writer'] as const)(
  'linux/%s.bin is built from its source, byte for byte',
  async (name) => {
    const program = await built('linux/build.sh', `linux/${name}.S`);
    expect(program.toString('latin1', 1, 4)).toBe('ELF');
    expect(program.equals(readFileSync(join(FOLDER, `linux/${name}.bin`)))).toBe(true);
  },
  FETCH_TIMEOUT_MS,
);
