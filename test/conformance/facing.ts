// What the suite faces, by what GetHost says of it, and what rows can need of it. Read by every table.

import { endpointText, parseTarget } from '../../lib/api/endpoint.js';
import type { NestedFormat } from '../../lib/nested/layout.js';
import type { Host__Output } from '../../protos/gen/vcpud/v1/Host.js';

/** What the suite faces, by what GetHost says of it. */
export interface Facing {
  readonly host: Host__Output;
  /** undefined where the host's KVM has no nested state. */
  readonly format: NestedFormat | undefined;
  /** Whether guests run: there is a kernel behind it. */
  readonly runsGuests: boolean;
  /** How the endpoint's vcpud reaches itself; undefined where that is not known: a Unix socket is on its own host. */
  readonly itself: string | undefined;
  /** Of the rules on which kernels differ, those that this one has. */
  readonly enforced: ReadonlySet<string>;
}

/** Why a row can't be asked of an endpoint; undefined where it can. */
export type Need = (facing: Facing) => string | undefined;

const FORMAT_NAMES = { SVM: 'an AMD host (SVM)', VMX: 'an Intel host (VMX)' } as const;

export const onFormat =
  (format: NestedFormat): Need =>
  (facing) =>
    facing.format === format ? undefined : `only on ${FORMAT_NAMES[format]}`;

export const withNested: Need = ({ format }) =>
  format === undefined ? "the host's KVM has no nested state" : undefined;

export const withoutNested: Need = ({ format }) =>
  format === undefined ? undefined : 'only on a host without nested state';

export const runningGuests: Need = ({ runsGuests }) =>
  runsGuests ? undefined : 'the model driver runs no guest';

export const onModel: Need = ({ runsGuests }) => (runsGuests ? 'only with the model driver' : undefined);

export const withCapability =
  (name: string): Need =>
  ({ host }) =>
    host.capabilities.some((capability) => capability.name === name && capability.value > 0)
      ? undefined
      : `the host's KVM lacks ${name}`;

export const reachingItself: Need = ({ itself }) =>
  itself === undefined ? 'only by a Unix socket, by which the vcpud reaches itself' : undefined;

/** For what no call can bring about. */
export const never =
  (why: string): Need =>
  () =>
    why;

const FORMATS: Readonly<Record<string, NestedFormat>> = {
  NESTED_STATE_FORMAT_SVM: 'SVM',
  NESTED_STATE_FORMAT_VMX: 'VMX',
};

/** Reads GetHost's answer, of the vcpud at the endpoint. */
export function facingOf(host: Host__Output, endpoint: string): Facing {
  const where = parseTarget(endpoint);
  return {
    host,
    format: host.nested?.enabled === true ? FORMATS[host.nested.format] : undefined,
    runsGuests: !host.drivers.includes('DRIVER_MODEL'),
    itself: where.kind === 'unix' ? endpointText(where) : undefined,
    enforced: new Set(host.enforcedRules),
  };
}

/** In a line: what, whose, with what. */
export function facingText({ host, format, runsGuests, enforced }: Facing): string {
  const vendor = host.cpuVendor.replace('CPU_VENDOR_', '');
  const nested = format === undefined ? 'no nested state' : `nested state ${format}`;
  const kernel = runsGuests ? `Linux ${host.kernelRelease}` : `the model of Linux ${host.kernelRelease}`;
  return `vcpud ${host.vcpudVersion}, ${vendor} (${host.cpuModel}), ${kernel}, ${nested}, ${enforced.size} rules that vary enforced`;
}
