// System calls that give up when a signal is pending, and are to be asked again.

import { KernelError } from './kernel-error.js';

/** More than a few signals in a row are a timer whose signals come faster than the call is done. */
const MOST_ATTEMPTS = 20;

/**
 * What the call gives, asked again while it fails with EINTR, but not for ever. KVM_CREATE_VM does on any signal:
 * mm_take_all_locks gives up where one is pending, which is told to nobody and says nothing about the VM.
 */
export function unlessInterrupted<T>(call: () => T): T {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return call();
    } catch (error) {
      if (!(error instanceof KernelError) || error.code !== 'EINTR' || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}
