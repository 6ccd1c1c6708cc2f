// The narrow waist. Everything above lib/kvm speaks to the system, a VM or a vCPU through IoctlPort alone and
// doesn't know which driver carries the call: native today, others beside it in folders of their own.

/** Something that takes KVM ioctls: /dev/kvm, a VM or a vCPU. Calls block for microseconds; KVM_RUN isn't made here. */
export interface IoctlPort {
  /**
   * Does one ioctl. A buffer is read and written in place and must be as large as the kernel makes use of
   * (drivers check the size the request's number carries; variable parts are the caller's to know).
   * Gives the kernel's return value, which can be positive. Throws KernelError, with the request's name, on -1.
   */
  ioctl(request: number, argument: Uint8Array | number): number;
}

/** Does an ioctl that says no by any value but 0: positive ones too (SET_NESTED_STATE's VM-entry failures). */
export function ioctlZero(port: IoctlPort, request: number, argument: Uint8Array | number): void {
  const value = port.ioctl(request, argument);
  if (value !== 0) throw new UnexpectedReturn(value);
}

/** An ioctl that should have answered 0 answered something greater. */
export class UnexpectedReturn extends Error {
  readonly value: number;
  constructor(value: number) {
    super(`the kernel answered ${value} instead of 0`);
    this.name = 'UnexpectedReturn';
    this.value = value;
  }
}
