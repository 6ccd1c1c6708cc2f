// What a failed system call becomes: the errno, by number and by name.

import { constants } from 'node:os';

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** "EINVAL" for 22; "errno 999" for one without a name. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

/** The kernel answered a system call with an errno. */
export class KernelError extends Error {
  /** The system call, such as "ioctl", or the ioctl's name, such as "KVM_SET_SREGS2". */
  readonly call: string;
  /** The errno, such as 22. */
  readonly errno: number;
  /** Its name, such as "EINVAL". */
  readonly code: string;

  constructor(call: string, errno: number) {
    super(`${call}: ${errnoName(errno)}`);
    this.name = 'KernelError';
    this.call = call;
    this.errno = errno;
    this.code = errnoName(errno);
  }
}
