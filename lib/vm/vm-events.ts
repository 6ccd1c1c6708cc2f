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
  /** The vCPU whose debug console it is, or SERIAL. */
  readonly vcpuIndex: number;
  readonly data: Uint8Array;
  /** Bytes that were written there before. */
  readonly offset: number;
}

/** Called in the event loop's turn in which the thing happened; must not throw. */
export type VmWatcher = (event: VmEvent) => void;

/** In place of a vCPU's index: the serial port, which is the VM's. */
export const SERIAL = -1;

const HISTORY_BYTES = 64 * 1024;
/** Output of one vCPU that comes in one go is kept in stretches of at most this size. */
const STRETCH_BYTES = 4096;
const FIRST_STRETCH_BYTES = 128;
/** A guest that prints single bytes must not cost more than one that prints lines: this many stretches at most. */
const MOST_STRETCHES = 2048;

interface Stretch {
  readonly time: number;
  readonly vcpuIndex: number;
  readonly offset: number;
  /** Grows by doubling; its first `length` bytes never change once they are written. */
  buffer: Uint8Array;
  length: number;
}

export class ConsoleHistory {
  private readonly written = new Map<number, number>();
  private readonly stretches: Stretch[] = [];
  private bytes = 0;

  /** Keeps output; gives the offset of its first byte in what that vCPU wrote. */
  add(vcpuIndex: number, data: Uint8Array, time: number): number {
    const offset = this.written.get(vcpuIndex) ?? 0;
    this.written.set(vcpuIndex, offset + data.length);
    const last = this.stretches.at(-1);
    if (last?.vcpuIndex === vcpuIndex && last.length + data.length <= STRETCH_BYTES) {
      append(last, data);
    } else {
      const buffer = new Uint8Array(Math.max(FIRST_STRETCH_BYTES, data.length));
      buffer.set(data);
      this.stretches.push({ time, vcpuIndex, offset, buffer, length: data.length });
    }
    this.bytes += data.length;
    this.forget();
    return offset;
  }

  /** What is kept, oldest first: the last 64 KiB, or less where the vCPUs took many turns. */
  all(): ConsoleEvent[] {
    return this.stretches.map(({ time, vcpuIndex, offset, buffer, length }) => {
      return { kind: 'console', time, vcpuIndex, data: buffer.subarray(0, length), offset };
    });
  }

  private forget(): void {
    for (;;) {
      const first = this.stretches[0];
      if (first === undefined) return;
      const enough = this.bytes - first.length >= HISTORY_BYTES || this.stretches.length > MOST_STRETCHES;
      if (!enough) return;
      this.stretches.shift();
      this.bytes -= first.length;
    }
  }
}

function append(stretch: Stretch, data: Uint8Array): void {
  const length = stretch.length + data.length;
  if (length > stretch.buffer.length) {
    const larger = new Uint8Array(Math.min(STRETCH_BYTES, 2 ** Math.ceil(Math.log2(length))));
    larger.set(stretch.buffer.subarray(0, stretch.length));
    stretch.buffer = larger;
  }
  stretch.buffer.set(data, stretch.length);
  stretch.length = length;
}
