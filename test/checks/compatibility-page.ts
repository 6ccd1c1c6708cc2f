// docs/compatibility.md, from the tables that the check walks.

import { CHECKS, type Severity } from '../../lib/compat/checks.js';
import { CPUID_VALUES, FEATURE_REGISTERS, featureName } from '../../lib/compat/cpuid-features.js';
import { KERNEL_BUGS } from '../../lib/compat/kernel-bugs.js';

const row = (...cells: string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

const checks = (wanted: Severity): string =>
  CHECKS.filter(({ severity }) => severity === wanted)
    .map(({ reason, compares, why, source, scope }) =>
      row(`\`${reason}\``, compares, why, scope === 'any host' ? 'always' : scope, source),
    )
    .join('\n');

const place = (leaf: number, subleaf: number, register: string): string =>
  `0x${leaf.toString(16)}.${subleaf} ${register.toUpperCase()}`;

const features = FEATURE_REGISTERS.map((register) => {
  const named = register.names
    .split(' ')
    .flatMap((given, bit) => (given === '' || given === '-' ? [] : [featureName(register, bit)]));
  return row(place(register.leaf, register.subleaf, register.register), named.join(' ') || 'none has a name');
}).join('\n');

const values = CPUID_VALUES.map(({ name, leaf, subleaf, register, shift, width }) =>
  row(`\`${name}\``, place(leaf, subleaf, register), `${shift + width - 1}:${shift}`),
).join('\n');

const bugs = KERNEL_BUGS.map(({ id, format, side, since, fixedIn, backports, harm, source }) =>
  row(
    `\`${id}\``,
    format,
    side,
    `${since.join('.')} to before ${fixedIn.join('.')}${backports.length === 0 ? '' : `, but not from ${backports.map((release) => release.join('.')).join(', ')} on`}`,
    harm,
    source,
  ),
).join('\n');

const HEAD = `| reason | compares | why | scope | source |
|---|---|---|---|---|`;

export function compatibilityPage(): string {
  return `# Can a VM move there?

\`VmService.GetVmRequirements\` at the source says everything that a VM asks of a host; \`HostService.CheckCompatibility\` at a
destination takes that message as it is and compares. Nothing is made or changed on either side: an orchestrator asks
before it moves anything, and asks several hosts where it has a choice. From the command line:

\`\`\`
npx vcpuctl --endpoint DESTINATION host check --vm web --from SOURCE
\`\`\`

A finding has a severity, a stable reason, a sentence, what it is about (such as the name of a CPUID feature), and both
values. With a blocker the VM is not \`compatible\`: it would be refused there, or go on damaged, as KVM sets CPUIDs that
its CPU does not have. Exit status 7 of \`host check\` says the same.

Of what makes no sense beside another finding nothing is said: on a host of another vendor
(\`VENDOR_DIFFERS\`) the checks of scope "same vendor" and "nesting" are left out, on one without nested state
(\`NESTED_DISABLED\`) those of scope "nesting".

This page is made from \`lib/compat\` by \`npm run generate\`.

## Blockers

${HEAD}
${checks('BLOCKER')}

## Warnings

${HEAD}
${checks('WARNING')}

## Worth knowing

${HEAD}
${checks('INFO')}

## CPUID features by name

Every bit of these registers is compared; one without a name is reported by its place, such as \`0x7.0.EBX[22]\`. OSXSAVE,
OSPKE and APIC follow the guest's registers, MWAIT is a NOP under every KVM, HYPERVISOR is given by every one, HT and
CMP_LEGACY are topology: these are not compared. Names are Linux's.

| register | features, from bit 0 on |
|---|---|
${features}

Numbers that must be as high:

| name | register | bits |
|---|---|---|
${values}

## Kernels with known bugs

| bug | format | harms on | kernels | what happens | source |
|---|---|---|---|---|---|
${bugs}
`;
}
