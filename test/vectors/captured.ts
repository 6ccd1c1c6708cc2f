// States of vCPUs as a real kernel gave them: the guests of test/guests caught in their scenes. Written by
// capture-states.ts; bases of the fuzz and of the vectors that it found.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ComponentName, VcpuSnapshot } from '../../lib/state/vcpu-components.js';
import type { GuestKind } from '../guests/scenes.js';
import { fromSparse } from './sparse-bytes.js';

/** The parts of a vCPU that its nested state is judged by, or is read back with. */
export const CAPTURED_PARTS = [
  'sregs2',
  'regs',
  'events',
  'debugregs',
  'msrs',
  'nested',
] as const satisfies readonly ComponentName[];

export interface CapturedState {
  /** The scene, and how L2's memory was mapped. */
  readonly name: string;
  readonly parts: VcpuSnapshot;
}

interface StoredState {
  readonly name: string;
  readonly parts: Readonly<Record<string, string>>;
}

/** A file of this folder, in the sources: JSON is not compiled into dist. */
function vectorsFile(name: string): string {
  const file = join('test/vectors', name);
  for (
    let folder = dirname(fileURLToPath(import.meta.url));
    folder !== dirname(folder);
    folder = dirname(folder)
  ) {
    const path = join(folder, file);
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error(`${file} is missing`);
}

export function capturedStates(kind: GuestKind): readonly CapturedState[] {
  const stored = JSON.parse(vectorsFile(`${kind}-captured.json`)) as StoredState[];
  return stored.map(({ name, parts }) => ({
    name,
    parts: Object.fromEntries(Object.entries(parts).map(([part, text]) => [part, fromSparse(text)])),
  }));
}
