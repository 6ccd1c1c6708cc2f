// vcpuctl nested validate: whom a nested state is to be judged for, out of options and files, and the verdict as text.

import type { VcpudClient } from '../../lib/api/client.js';
import type { NestedStateFormat } from '../../protos/gen/vcpud/v1/NestedStateFormat.js';
import type { NestedStateTarget } from '../../protos/gen/vcpud/v1/NestedStateTarget.js';
import type { ValidateNestedStateRequest } from '../../protos/gen/vcpud/v1/ValidateNestedStateRequest.js';
import type { ValidateNestedStateResponse__Output } from '../../protos/gen/vcpud/v1/ValidateNestedStateResponse.js';
import { VcpuctlError } from './failure.js';
import { readInput, readState } from './files.js';
import type { Io } from './io.js';
import { plural, table } from './output.js';

export interface TargetOptions {
  readonly vcpu?: string;
  /** A file: what `vcpuctl --json host get` printed on the host in question. */
  readonly host?: string;
  /** A state file, as `vcpuctl vcpu get-state --out` writes it. */
  readonly state?: string;
}

type Target = Pick<ValidateNestedStateRequest, 'name' | 'described'>;

interface HostFacts {
  readonly format: NestedStateFormat;
  readonly enforcedRules: readonly string[];
}

/** What is said of the target, and what it is called. */
export async function targetOf(
  io: Io,
  options: TargetOptions,
  client: VcpudClient,
): Promise<{ readonly target: Target; readonly called: string }> {
  const { vcpu, host, state } = options;
  if (vcpu !== undefined) {
    if (host !== undefined || state !== undefined) {
      throw new VcpuctlError(
        'USAGE',
        '',
        'a vCPU is there (--vcpu), or described (--host, --state): not both',
      );
    }
    return { target: { name: vcpu }, called: vcpu };
  }
  if (host === undefined && state === undefined) return { target: {}, called: 'a new vCPU of this host' };
  const facts = host === undefined ? await factsOfEndpoint(client) : await factsOfFile(io, host);
  const parts = state === undefined ? {} : await partsOfFile(io, state);
  const where = host ?? 'this host';
  return {
    target: { described: { ...facts, enforcedRules: [...facts.enforcedRules], ...parts } },
    called: state === undefined ? `a vCPU of ${where}` : `the vCPU of ${state} on ${where}`,
  };
}

async function factsOfEndpoint(client: VcpudClient): Promise<HostFacts> {
  const { host } = await client.host.GetHost({});
  return {
    format: host?.nested?.format ?? 'NESTED_STATE_FORMAT_UNSPECIFIED',
    enforcedRules: host?.enforcedRules ?? [],
  };
}

const FORMATS: readonly string[] = ['NESTED_STATE_FORMAT_SVM', 'NESTED_STATE_FORMAT_VMX'];

/** Of a GetHostResponse in JSON, what rules ask. */
async function factsOfFile(io: Io, path: string): Promise<HostFacts> {
  const malformed = (why: string) => {
    const message = `${path} is not what vcpuctl --json host get prints: ${why}`;
    return new VcpuctlError('INVALID_ARGUMENT', 'HOST_FILE_MALFORMED', message);
  };
  const text = (await readInput(io, path)).toString();
  let answer: { host?: { nested?: { format?: unknown }; enforcedRules?: unknown } };
  try {
    answer = JSON.parse(text) as typeof answer;
  } catch (error) {
    throw malformed((error as Error).message);
  }
  const format = answer?.host?.nested?.format;
  const rules = answer?.host?.enforcedRules ?? [];
  if (typeof format !== 'string' || !FORMATS.includes(format))
    throw malformed('it names no format of nested state');
  if (!Array.isArray(rules) || rules.some((rule) => typeof rule !== 'string')) {
    throw malformed('enforcedRules is no list of names');
  }
  return { format: format as NestedStateFormat, enforcedRules: rules as string[] };
}

async function partsOfFile(
  io: Io,
  path: string,
): Promise<Pick<NestedStateTarget, 'cpuid' | 'sregs' | 'msrs' | 'events'>> {
  const { cpuid, sregs2, sregs, msrs, events } = await readState(io, 'VcpuState', path);
  return { cpuid, sregs: sregs2.length > 0 ? sregs2 : sregs, msrs, events };
}

const answerOfKernel = (errno: string, returned: number): string =>
  errno !== '' ? errno : returned === 0 ? '-' : `returns ${returned}`;

/** Every rule that is broken, then those that could not be judged. */
export function verdictText(
  called: string,
  { violations, unjudgedRules }: ValidateNestedStateResponse__Output,
): string {
  const rows = violations.map(({ reason, errno, returnValue, message }) => [
    reason,
    answerOfKernel(errno, returnValue),
    message,
  ]);
  const verdict =
    rows.length === 0
      ? `no rule refuses it for ${called}\n`
      : `refused for ${called}:\n${table(['RULE', 'KERNEL', 'WHY'], rows)}`;
  if (unjudgedRules.length === 0) return verdict;
  const left = unjudgedRules.map((reason) => `  ${reason}\n`).join('');
  return `${verdict}\nNot judged, as what is known of the target does not tell (${plural(unjudgedRules.length, 'rule')}):\n${left}`;
}
