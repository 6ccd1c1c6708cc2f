// What makes a VM alike: the fields of a Vm that vcpud does not fill itself, as the API's own comments say.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PROTO_ROOT } from '../../../lib/api/definitions.js';
import { vmShape } from '../../../lib/api/vm-shape.js';
import type { Vm__Output } from '../../../protos/gen/vcpud/v1/Vm.js';

interface Field {
  readonly name: string;
  readonly isOutputOnly: boolean;
}

/** Of message Vm, by its text. */
function fields(): Field[] {
  const [, body] =
    /\nmessage Vm \{\n(.*?)\n\}/s.exec(readFileSync(join(PROTO_ROOT, 'vcpud/v1/vm.proto'), 'utf8')) ?? [];
  return [...(body ?? '').matchAll(/((?: {2}\/\/.*\n)+) {2}[\w. ]+ (\w+) = \d+;/g)].map(
    ([, comment, name]) => ({
      name: (name as string).replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      isOutputOnly: (comment as string).trim().startsWith('// Output only'),
    }),
  );
}

test('a VM of the same shape has every field that is not output only, but for how it was booted', () => {
  const all = fields();
  expect(all.length).toBeGreaterThan(9);
  const vm = Object.fromEntries(all.map(({ name }) => [name, name])) as unknown as Vm__Output;
  const shape = all.filter(({ name, isOutputOnly }) => !isOutputOnly && name !== 'linuxBoot');
  expect(Object.keys(vmShape(vm))).toEqual(shape.map(({ name }) => name));
});
