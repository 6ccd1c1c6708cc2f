// The error table in the comment above each rpc of protos/, as data: what a caller is told to expect.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { API_FILES, PROTO_ROOT } from '../../lib/api/definitions.js';

export interface ErrorRow {
  /** The gRPC status code's name. */
  readonly code: string;
  /** Reasons by name; none where the row stands for the rules about nested state. */
  readonly reasons: readonly string[];
  /** Whether the row stands for all rules about nested state. */
  readonly rules: boolean;
}

const ROW = /^\s*\/\/ \| ([A-Z_]+) \| (.+?) \| .+ \|$/;
const RPC = /^\s*rpc (\w+)\(/;
const REASON = /^[A-Z][A-Z0-9_]+$/;
const ANY_RULE = /^one of the rules in docs\/errors\.md, such as [A-Z0-9_]+$/;

function rowOf(code: string, cell: string): ErrorRow {
  if (ANY_RULE.test(cell)) return { code, reasons: [], rules: true };
  const reasons = cell.split(', ');
  const odd = reasons.find((reason) => !REASON.test(reason));
  if (odd !== undefined) throw new Error(`"${odd}" in an error table is no reason`);
  return { code, reasons, rules: false };
}

/** Every rpc's table, by the rpc's name. */
export function errorTables(): ReadonlyMap<string, readonly ErrorRow[]> {
  const tables = new Map<string, ErrorRow[]>();
  for (const file of API_FILES) {
    let rows: ErrorRow[] = [];
    for (const line of readFileSync(join(PROTO_ROOT, file), 'utf8').split('\n')) {
      const [, code, cell] = ROW.exec(line) ?? [];
      if (code !== undefined && cell !== undefined) {
        rows.push(rowOf(code, cell));
        continue;
      }
      const name = RPC.exec(line)?.[1];
      if (name !== undefined) tables.set(name, rows);
      if (!line.trim().startsWith('//')) rows = [];
    }
  }
  return tables;
}
