// What kind of rule a reason is of, where a row must know it. The suite's own statement: a unit test holds it against the
// service's table, so that neither is changed alone.

/** About the bytes as a message carries them: no kernel is asked, not even for its verdict alone. */
export const BYTES_RULES: ReadonlySet<string> = new Set([
  'NESTED_STATE_EMPTY',
  'NESTED_HEADER_TRUNCATED',
  'NESTED_DATA_TOO_LONG',
]);

/** About the size field against the bytes: the kernel, which is given a padded buffer, can't see them broken. */
export const LENGTH_RULES: ReadonlySet<string> = new Set([
  'NESTED_DATA_TRUNCATED',
  'NESTED_DATA_BEYOND_SIZE',
]);

/** Rules that not every kernel has: GetHost.enforced_rules says which are had. */
export const VARYING_RULES: ReadonlySet<string> = new Set([
  'NESTED_FLAGS_UNKNOWN',
  'SVM_EFER_SVME_CLEAR_GIF_CLEAR',
  'SVM_NP_WITHOUT_HOST_NPT',
  'SVM_NESTED_CR3_ILLEGAL',
  'SVM_NESTED_CR3_ILLEGAL_WITHOUT_NPT',
  'SVM_TLB_CTL_UNSUPPORTED',
  'SVM_V_NMI_WITHOUT_NMI_INTERCEPT',
  'SVM_EVENT_INJ_TYPE_INVALID',
  'SVM_EVENT_INJ_VECTOR_INVALID',
  'SVM_HOST_CS_L_AND_D',
  'SVM_GPAT_INVALID',
  'VMX_HEADER_FLAGS_UNKNOWN',
  'VMX_TSC_MULTIPLIER_ZERO',
  'VMX_EXIT_MSR_LOAD_COUNT_UNSUPPORTED',
  'VMX_EXIT_MSR_STORE_COUNT_UNSUPPORTED',
  'VMX_EVENT_CP_WITH_ERROR_CODE',
  'VMX_EVENT_CP_WITHOUT_ERROR_CODE',
  'VMX_ENTRY_MSR_LOAD_COUNT_UNSUPPORTED',
  'VMX_HOST_ADDRESS_NEEDS_LA57',
  'VMX_HOST_RIP_NEEDS_HOST_LA57',
  'VMX_GUEST_DEBUGCTL_UNSUPPORTED',
  'VMX_GUEST_DEBUGCTL_FREEZE_IN_SMM',
  'VMX_GUEST_BNDCFGS_NEEDS_LA57',
]);

/** Rules by which KVM_SET_NESTED_STATE returns a value above 0: the kernel has entered L2 and come out by a VM exit. */
export const RETURNING_RULES: ReadonlySet<string> = new Set(['VMX_GUEST_CR3_ILLEGAL']);
