// The built programs, as they are installed: what tests, demo and bench start. From dist itself or from the sources,
// which vitest runs.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const DIST = HERE.includes('/dist/') ? join(HERE, '../..') : join(HERE, '../../dist');

export const VCPUD = join(DIST, 'bin/vcpud.js');
export const VCPUCTL = join(DIST, 'bin/vcpuctl.js');
