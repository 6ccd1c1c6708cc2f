// The one error type that a caller of vcpud is meant to see, and the table of every reason it can carry. The
// rules about nested state have reasons of their own: lib/nested/rules.ts. docs/errors.md is made from both.

/** gRPC status codes by name, as far as vcpud answers them. */
export type StatusName =
  | 'CANCELLED'
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'UNIMPLEMENTED'
  | 'DATA_LOSS';

export interface ReasonRow {
  readonly status: StatusName;
  /** When it comes, for the documentation. */
  readonly when: string;
}

/** Every reason, with its status. Stable: programs branch on them. */
export const REASONS = {
  NAME_MALFORMED: { status: 'INVALID_ARGUMENT', when: 'a resource name is not of its form' },
  NAME_CHANGED: { status: 'INVALID_ARGUMENT', when: 'a later message of a stream names another resource' },
  FIELD_REQUIRED: { status: 'INVALID_ARGUMENT', when: 'a required field is missing or empty' },
  FIELDS_EXCLUSIVE: { status: 'INVALID_ARGUMENT', when: 'two fields are set that exclude each other' },
  MESSAGE_OUT_OF_PLACE: {
    status: 'INVALID_ARGUMENT',
    when: 'a message of a stream comes before the one that begins it, or that one comes again',
  },
  MIGRATION_ID_MALFORMED: {
    status: 'INVALID_ARGUMENT',
    when: 'a migration id is not 1 to 64 letters, digits and -',
  },
  ENDPOINT_MALFORMED: {
    status: 'INVALID_ARGUMENT',
    when: 'an endpoint is neither unix:///PATH nor tcp://HOST:PORT',
  },
  PAGES_MALFORMED: {
    status: 'INVALID_ARGUMENT',
    when: 'runs of pages without a count each, or with data of another size',
  },
  VM_ID_MALFORMED: { status: 'INVALID_ARGUMENT', when: 'a VM id is not 1 to 63 of a-z, 0-9 and -' },
  VCPU_COUNT_OUT_OF_RANGE: { status: 'INVALID_ARGUMENT', when: 'more vCPUs than KVM allows' },
  MEMORY_REGION_INVALID: {
    status: 'INVALID_ARGUMENT',
    when: 'a memory region is unaligned, empty, overlapping, too high, or none was given',
  },
  DEVICES_INVALID: { status: 'INVALID_ARGUMENT', when: 'a PIT, or PC devices, without an irqchip' },
  BOOT_FILE_UNREADABLE: {
    status: 'INVALID_ARGUMENT',
    when: "a kernel or initramfs can't be read on vcpud's host, or its path is not absolute",
  },
  BOOT_IMAGE_INVALID: {
    status: 'INVALID_ARGUMENT',
    when: 'a kernel is no 64-bit Linux bzImage, or it and its initramfs do not fit into the VM',
  },
  BOOT_COMMAND_LINE_TOO_LONG: {
    status: 'INVALID_ARGUMENT',
    when: 'a command line is longer than the kernel takes',
  },
  CONSOLE_NOT_PRESENT: { status: 'FAILED_PRECONDITION', when: 'the VM has no serial port' },
  CHUNK_BYTES_OUT_OF_RANGE: {
    status: 'INVALID_ARGUMENT',
    when: 'a chunk size over 2 MiB, or below a page where pages are asked for',
  },
  PAGE_TOKEN_INVALID: { status: 'INVALID_ARGUMENT', when: 'a page token that no list call gave' },
  PAGE_SIZE_NEGATIVE: { status: 'INVALID_ARGUMENT', when: 'a page size below 0' },
  TOO_MANY_NAMES: { status: 'INVALID_ARGUMENT', when: 'more than 1024 names in one batch' },
  STATE_SIZE_WRONG: {
    status: 'INVALID_ARGUMENT',
    when: 'a part of a vCPU or VM state is not of the size that this kernel gives it',
  },
  KERNEL_REFUSED_STATE: {
    status: 'INVALID_ARGUMENT',
    when: 'the kernel refused a part of a vCPU or VM state',
  },
  KERNEL_REJECTED: {
    status: 'INVALID_ARGUMENT',
    when: 'the kernel refused a nested state for a reason that no rule explains: a bug in the table of rules',
  },
  MSR_REFUSED: {
    status: 'INVALID_ARGUMENT',
    when: 'the kernel refused an MSR of a state, and the vCPU holds another value',
  },
  MEMORY_RANGE_NOT_BACKED: {
    status: 'OUT_OF_RANGE',
    when: 'a part of a range of guest memory lies in no region of the VM, or the range spans two',
  },
  VM_NOT_FOUND: { status: 'NOT_FOUND', when: 'there is no VM of that name' },
  VCPU_NOT_FOUND: { status: 'NOT_FOUND', when: 'the VM has no vCPU of that index' },
  VM_EXISTS: { status: 'ALREADY_EXISTS', when: 'there is a VM of that id' },
  NESTED_NOT_SUPPORTED: {
    status: 'FAILED_PRECONDITION',
    when: "the host's KVM has no nested state, or nesting is switched off",
  },
  VM_RUNNING: { status: 'FAILED_PRECONDITION', when: 'the VM must be paused for this' },
  VM_STOPPED: {
    status: 'FAILED_PRECONDITION',
    when: 'the VM stopped by itself; its vCPUs must be reset or given a state first',
  },
  VM_SHAPE_DIFFERS: { status: 'FAILED_PRECONDITION', when: 'a state of a VM with other vCPUs or devices' },
  VM_MIGRATING: { status: 'FAILED_PRECONDITION', when: "the VM's part in a migration doesn't allow it" },
  NOT_PREPARED: {
    status: 'FAILED_PRECONDITION',
    when: 'a VM is sent to where it was not prepared, by another token or id, or a second time',
  },
  MIGRATION_ID_DIFFERS: {
    status: 'FAILED_PRECONDITION',
    when: 'the VM takes part in another migration, or in none',
  },
  MIGRATION_PHASE: {
    status: 'FAILED_PRECONDITION',
    when: 'that is not possible from the phase of the migration',
  },
  IDENTITY_REQUIRED: {
    status: 'FAILED_PRECONDITION',
    when: 'a vcpud that serves without mutual TLS is to reach one of another host',
  },
  DESTINATION_REFUSED: { status: 'FAILED_PRECONDITION', when: 'the destination of a migration said no' },
  DESTINATION_UNREACHABLE: {
    status: 'UNAVAILABLE',
    when: 'the destination of a migration went away before the commit was sent',
  },
  MIGRATION_IN_DOUBT: {
    status: 'ABORTED',
    when: 'the destination went away after the commit was sent: the guest may run there, and is stopped here',
  },
  CHECKSUM_WRONG: { status: 'DATA_LOSS', when: 'memory arrived otherwise than it was sent' },
  STATE_NOT_HELD: { status: 'DATA_LOSS', when: 'a state was taken but reads back otherwise' },
  DIRTY_TRACKING_OFF: {
    status: 'FAILED_PRECONDITION',
    when: 'dirty pages are collected of a VM whose writes are not tracked',
  },
  KVM_UNAVAILABLE: { status: 'FAILED_PRECONDITION', when: '/dev/kvm is missing or may not be opened' },
  NESTED_STATE_NOT_HELD: {
    status: 'DATA_LOSS',
    when: 'the kernel took a nested state but reads back another',
  },
  VM_DELETED: { status: 'ABORTED', when: 'the VM was deleted while the call was under way' },
  COLLECT_UNDER_WAY: {
    status: 'ABORTED',
    when: "the VM's dirty pages are being collected by another call",
  },
  DIRTY_TRACKING_STOPPED: {
    status: 'ABORTED',
    when: 'dirty tracking was stopped while pages were being collected',
  },
  HOST_RESOURCES: {
    status: 'RESOURCE_EXHAUSTED',
    when: 'the host has no more memory, threads or file descriptors',
  },
  MESSAGE_TOO_LARGE: {
    status: 'RESOURCE_EXHAUSTED',
    when: 'a message is larger than the server takes (4 MiB); gRPC itself answers so, without details',
  },
  WATCHER_TOO_SLOW: { status: 'RESOURCE_EXHAUSTED', when: 'a WatchVm client fell 1 MiB of events behind' },
  PEER_NOT_ALLOWED: {
    status: 'PERMISSION_DENIED',
    when: "any rpc: the client's certificate has none of the names that vcpud was told to let in (--tls-allow)",
  },
  GUESTS_NOT_RUN: { status: 'UNIMPLEMENTED', when: 'the model driver was asked to run a guest' },
  SHUTTING_DOWN: { status: 'UNAVAILABLE', when: 'vcpud is ending' },
  CANCELLED: { status: 'CANCELLED', when: 'the caller went away' },
  KERNEL_ERROR: { status: 'INTERNAL', when: 'an ioctl failed that does not fail on a sound host' },
  INTERNAL: { status: 'INTERNAL', when: 'a bug in vcpud; metadata "log_id" finds it in the log' },
} as const satisfies Record<string, ReasonRow>;

export type Reason = keyof typeof REASONS;

/** What an error carries beside its sentence. */
export interface ErrorDetails {
  /** The request's field at fault, as a dotted path: makes a BadRequest. */
  readonly field?: string;
  /** Further faults, each with a field of its own: all of them go into the BadRequest, `field`'s first. */
  readonly further?: ReadonlyArray<{
    readonly field: string;
    readonly reason: string;
    readonly message: string;
  }>;
  /** The resource at fault: makes a PreconditionFailure with FAILED_PRECONDITION. */
  readonly subject?: string;
  /** Every value that the sentence mentions, by a snake_case name: ErrorInfo.metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** An error that is the caller's to read: a stable reason, a sentence, details. */
export class VcpudError extends Error {
  readonly status: StatusName;
  /** A key of REASONS, or the reason of a rule about nested state. */
  readonly reason: string;
  readonly details: ErrorDetails;

  private constructor(status: StatusName, reason: string, message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.name = 'VcpudError';
    this.status = status;
    this.reason = reason;
    this.details = details;
  }

  static of(reason: Reason, message: string, details: ErrorDetails = {}): VcpudError {
    return new VcpudError(REASONS[reason].status, reason, message, details);
  }

  /** A nested state that breaks a rule of lib/nested/rules.ts. */
  static ofRule(reason: string, message: string, details: ErrorDetails): VcpudError {
    return new VcpudError('INVALID_ARGUMENT', reason, message, details);
  }

  /** The same error with more metadata. */
  with(metadata: Readonly<Record<string, string>>): VcpudError {
    const merged = { ...this.details, metadata: { ...this.details.metadata, ...metadata } };
    return new VcpudError(this.status, this.reason, this.message, merged);
  }
}
