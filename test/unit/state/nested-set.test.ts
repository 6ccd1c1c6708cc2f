// A rehearsal of a set: whatever the bytes, nothing comes of it.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FLAG } from '../../../lib/nested/layout.js';
import { rehearseNestedSet } from '../../../lib/state/nested-set.js';

test('takes whatever a source may send', () => {
  const rules = { format: 'SVM', enforced: new Set<string>(), unexplained: { count: 0 } } as const;
  const bytes = fc.uint8Array({ maxLength: 9000, size: 'max' }).map((array) => Buffer.from(array));
  const state = bytes.map((data) => {
    // One that is looked at to its end: in guest mode, of either format.
    if (data.length >= 8) data.writeUInt16LE(FLAG.GUEST_MODE, 0);
    return data;
  });
  fc.assert(
    fc.property(fc.oneof(fc.constant(Buffer.alloc(0)), bytes, state), (data) => {
      const before = Buffer.from(data);
      rehearseNestedSet(data, {}, () => undefined, rules);
      expect(data.equals(before)).toBe(true);
      expect(rules.unexplained.count).toBe(0);
    }),
  );
});
