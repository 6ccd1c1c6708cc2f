// docs/state.md, from the tables that capture and restore walk.

import { PHASES } from '../../lib/migration/migrate.js';
import { CAPTURE_ORDER, RESTORE_ORDER } from '../../lib/state/vcpu-components.js';

const rows = (table: ReadonlyArray<readonly [string, string, string?]>): string =>
  table
    .map(([name, reason, mark]) => [name, mark === undefined ? reason : `${reason} *(${mark})*`])
    .map(([name, reason], i) => `| ${i + 1} | ${name} | ${reason} |`)
    .join('\n');

export function statePage(): string {
  return `# What a vCPU holds, and in which order it is taken and given

A vCPU's state is taken from a stopped vCPU, with pending I/O completed first (KVM_RUN with immediate_exit), and all parts of one
snapshot come from one stop. It is given in the one order below; after any failure the vCPU is put back to what it
held. Both orders join QEMU's and those of the kernel's selftests where each knows what the other does not.

This page is made from \`lib/state/vcpu-components.ts\` and \`lib/migration/migrate.ts\` by \`npm run generate\`.

## Capture

| | part | why there |
|---|---|---|
${rows(CAPTURE_ORDER)}

## Restore

| | step | why there |
|---|---|---|
${rows(RESTORE_ORDER)}

Steps that end the former state are not for a VM that a migration gives its first state: it holds what it held when it was new.

Reset walks the same order with the parts that the vCPU held when it was new, all but cpuid and tscKhz.

## A move

| | phase | what |
|---|---|---|
${rows(PHASES)}

## Nested state

GET always gives the header, also where that is all there is: GIF=0 outside of L2 (L1 between #VMEXIT and STGI) and VMXON
without a current VMCS are states like any other. The buffer given to the kernel is never smaller than 8,320 bytes.

SET goes through four steps, and a failure in any puts the vCPU back:

1. the rules that bytes and registers decide ([errors.md](errors.md)), never more strictly than the kernel at hand;
2. KVM_SET_NESTED_STATE, where any value but 0 is a failure (VMX can answer more than 0);
3. GET, and a comparison with what was set: a field that KVM holds and that reads back different is
   \`NESTED_STATE_NOT_HELD\`;
4. non-zero bytes that KVM does not hold by design (reserved fields, the parts of L1's save area that travel as MSRs)
   are listed in the answer's \`ignored\`.
`;
}
