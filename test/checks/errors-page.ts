// docs/errors.md, from the tables that the code itself uses.

import { REASONS } from '../../lib/errors/vcpud-error.js';
import { RULES } from '../../lib/nested/rules.js';

const row = (...cells: string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

export function errorsPage(): string {
  const reasons = Object.entries(REASONS).map(([reason, { status, when }]) =>
    row(`\`${reason}\``, status, when),
  );
  const rules = RULES.map(({ reason, field, message, source, errno, returns, needs, kernels, origin }) =>
    row(
      `\`${reason}\``,
      `\`${field}\``,
      message,
      origin === 'service' ? 'vcpud' : `\`${source}\``,
      returns === undefined ? errno : `returns ${returns}`,
      needs.join(', '),
      kernels ?? 'all',
    ),
  );
  return `# Errors

Every error of vcpud carries a \`google.rpc.ErrorInfo\` of the domain \`vcpud\` with one of these reasons, and the values
that its sentence mentions as metadata. INVALID_ARGUMENT and OUT_OF_RANGE carry a \`google.rpc.BadRequest\` that names
the field, FAILED_PRECONDITION a \`google.rpc.PreconditionFailure\`. Reasons are stable: programs may branch on them.

After a set that failed, metadata \`vcpu_holds\` says what the vCPU holds now: \`former state\`, or what is unlike it. An
error without it was raised before anything was changed.

This page is made from \`lib/errors/vcpud-error.ts\` and \`lib/nested/rules.ts\` by \`npm run generate\`.

## Reasons

| reason | status | when |
|---|---|---|
${reasons.join('\n')}

## Rules about nested state

A nested state that breaks one of these is refused with INVALID_ARGUMENT before the kernel sees it, the first in the
kernel's own order, with all others in the BadRequest. \`ValidateNestedState\` asks for the rules alone. Where kernels
differ, vcpud asks the kernel at hand when it starts, and applies those that it enforces (\`GetHost.enforced_rules\`).
vcpud is never stricter than the kernel; a refusal that no rule explains is \`KERNEL_REJECTED\`, and counted.

| reason | field | the state is refused when | kernel function | errno | needs beside the bytes | kernels |
|---|---|---|---|---|---|---|
${rules.join('\n')}
`;
}
