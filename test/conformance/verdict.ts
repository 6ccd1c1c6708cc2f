// Verdicts in words, the same for what is expected and for what came.

import type { Verdict } from './suite-vcpu.js';

/** "OK", "EINVAL SVM_ASID_ZERO", or code and reason where the kernel was not at fault. */
export function verdictText({ refusal }: Verdict): string {
  if (refusal === undefined) return 'OK';
  const errno = refusal.metadata['errno'];
  return `${errno ?? refusal.code} ${refusal.reason}`;
}

/** Facets with the same answer together: "SVM_ASID_ZERO by validate, set". */
export function grouped(facets: Readonly<Record<string, string>>): string {
  const by = new Map<string, string[]>();
  for (const [facet, answer] of Object.entries(facets)) by.set(answer, [...(by.get(answer) ?? []), facet]);
  return [...by].map(([answer, names]) => `${answer} by ${names.join(', ')}`).join('; ');
}
