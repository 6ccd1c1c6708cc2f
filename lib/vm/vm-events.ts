// What happens to a VM, as its watchers are told, and the console's last 64 KiB for those who come late.

export type VmEvent =
  | { readonly kind: 'changed'; readonly time: number }
  | { readonly kind: 'exit'; readonly time: number; readonly vcpuIndex: number; readonly exit: string }
  | ConsoleEvent
  | { readonly kind: 'deleted'; readonly time: number }
  /** vcpud is ending: nobody is told anything any more. */
  | { readonly kind: 'ending' };

/** Output on the debug console. */
export interface ConsoleEvent {
  readonly kind: 'console';
  /** Milliseconds since 1970 at which the vCPU's thread had it. */
  readonly time: number;
  readonly vcpuIndex: number;
  readonly data: Uint8Array;
  /** Bytes that this vCPU wrote before. */
  readonly offset: number;
}

/** Called in the event loop's turn in which the thing happened; must not throw. */
export type VmWatcher = (event: VmEvent) => void;

const HISTORY_BYTES = 64 * 1024;

export class ConsoleHistory {
  private readonly written = new Map<number, number>();
  private events: ConsoleEvent[] = [];
  private bytes = 0;

  /** Keeps output; gives the offset of its first byte in what that vCPU wrote. */
  add(vcpuIndex: number, data: Uint8Array, time: number): number {
    const offset = this.written.get(vcpuIndex) ?? 0;
    this.written.set(vcpuIndex, offset + data.length);
    this.events.push({ kind: 'console', time, vcpuIndex, data, offset });
    this.bytes += data.length;
    while (this.bytes > HISTORY_BYTES) this.bytes -= this.events.shift()?.data.length ?? 0;
    return offset;
  }

  /** What is kept, oldest first. */
  all(): readonly ConsoleEvent[] {
    return this.events;
  }
}
