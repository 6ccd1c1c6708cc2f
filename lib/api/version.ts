// The version of this vcpud, from package.json.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROTO_ROOT } from './definitions.js';

const manifest: unknown = JSON.parse(readFileSync(join(PROTO_ROOT, '../package.json'), 'utf8'));

export const VERSION = String((manifest as { version?: unknown }).version ?? '0.0.0');
