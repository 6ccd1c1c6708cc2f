// What is made from something else: the types of the API (from protos/) and docs/ (from the tables of
// reasons, rules and orders). `npm run generate` writes them; `generate --check` fails where what is committed is not current.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { API_FILES } from '../../lib/api/definitions.js';
import { compatibilityPage } from './compatibility-page.js';
import { composePage } from './compose-page.js';
import { errorsPage } from './errors-page.js';
import { stateFilePage } from './state-file-page.js';
import { statePage } from './state-page.js';

const TYPES_FOLDER = 'protos/gen';
/** Pages by their path, with what makes them. */
const PAGES: Readonly<Record<string, () => string>> = {
  'docs/compatibility.md': compatibilityPage,
  'docs/compose-a-migration.md': composePage,
  'docs/errors.md': errorsPage,
  'docs/state.md': statePage,
  'docs/state-file.md': stateFilePage,
};

/** lib/api/definitions.ts loads the same files with the same options. */
const TYPE_OPTIONS = [
  '--longs=String',
  '--enums=String',
  '--defaults',
  '--oneofs',
  '--includeComments',
  '--grpcLib=@grpc/grpc-js',
  '--importFileExtension=.js',
  '--includeDirs=protos',
];

function generateTypes(folder: string): void {
  const files = [...API_FILES, 'google/rpc/status.proto', 'google/rpc/error_details.proto'];
  const program = 'node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js';
  execFileSync(process.execPath, [program, ...TYPE_OPTIONS, `--outDir=${folder}`, ...files], {
    stdio: 'pipe',
  });
}

/** Every file below a folder, by its path within it. */
function contents(folder: string): Map<string, string> {
  if (!existsSync(folder)) return new Map();
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    names.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(folder.length + 1), readFileSync(path, 'utf8')];
    }),
  );
}

/** Names of what is not as it would be generated now. */
function stale(): string[] {
  const fresh = mkdtempSync(join(tmpdir(), 'vcpud-types-'));
  try {
    generateTypes(fresh);
    const wanted = contents(fresh);
    const found = contents(TYPES_FOLDER);
    const names = new Set([...wanted.keys(), ...found.keys()]);
    const types = [...names]
      .filter((name) => wanted.get(name) !== found.get(name))
      .map((n) => `${TYPES_FOLDER}/${n}`);
    const pages = Object.entries(PAGES)
      .filter(([path, make]) => !existsSync(path) || readFileSync(path, 'utf8') !== make())
      .map(([path]) => path);
    return [...types, ...pages];
  } finally {
    rmSync(fresh, { recursive: true });
  }
}

if (process.argv.includes('--check')) {
  const names = stale();
  for (const name of names) process.stdout.write(`${name} is not current: npm run generate\n`);
  process.exitCode = names.length === 0 ? 0 : 1;
} else {
  rmSync(TYPES_FOLDER, { recursive: true, force: true });
  generateTypes(TYPES_FOLDER);
  for (const [path, make] of Object.entries(PAGES)) writeFileSync(path, make());
  process.stdout.write(`wrote ${TYPES_FOLDER}, ${Object.keys(PAGES).join(', ')}\n`);
}
