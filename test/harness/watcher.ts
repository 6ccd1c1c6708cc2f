// Waits for what a VM does, by WatchVm: console lines, run states, exits. No sleeps: each wait ends with an event.

import type { VcpudClient } from '../../lib/api/client.js';
import { milliseconds } from '../../lib/api/duration.js';
import type { WatchVmResponse__Output } from '../../protos/gen/vcpud/v1/WatchVmResponse.js';

/** A console line of a guest, with when vcpud had it. */
export interface ConsoleLine {
  readonly text: string;
  /** ms since 1970. */
  readonly time: number;
}

const timeOf = ({ eventTime }: WatchVmResponse__Output): number => milliseconds(eventTime);

export class Watcher {
  readonly events: WatchVmResponse__Output[] = [];
  readonly lines: ConsoleLine[] = [];
  private readonly stream;
  private readonly partial = new Map<number, string>();
  private wake: () => void = () => undefined;
  private failure: Error | undefined;
  private ended = false;
  /** Settles when the stream has ended, one way or the other. */
  readonly finished: Promise<void>;

  constructor(client: VcpudClient, vmId: string, consoleHistory = false) {
    this.stream = client.watchVm({ name: `vms/${vmId}`, consoleHistory });
    this.finished = this.follow();
  }

  private async follow(): Promise<void> {
    try {
      for await (const event of this.stream) this.take(event);
    } catch (error) {
      this.failure = error as Error;
    }
    this.ended = true;
    this.wake();
  }

  private take(event: WatchVmResponse__Output): void {
    this.events.push(event);
    const { console: output } = event;
    if (output !== null && output !== undefined) {
      const text = (this.partial.get(output.vcpuIndex) ?? '') + output.data.toString();
      const lines = text.split('\n');
      this.partial.set(output.vcpuIndex, lines.pop() ?? '');
      for (const line of lines) this.lines.push({ text: line, time: timeOf(event) });
    }
    this.wake();
  }

  /** What the predicate finds, now or as soon as an event makes it find something. */
  async until<T>(what: string, find: (watcher: Watcher) => T | undefined, timeoutMs = 300_000): Promise<T> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = find(this);
      if (found !== undefined) return found;
      const shown = this.lines.slice(-5).map(({ text }) => text);
      if (this.ended)
        throw this.failure ?? new Error(`the stream ended while waiting for ${what}: ${shown.join(' | ')}`);
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`timed out waiting for ${what}; last lines: ${shown.join(' | ')}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The first line from index `from` on that matches. */
  line(pattern: RegExp, from = 0): Promise<ConsoleLine> {
    return this.until(`a line like ${pattern}`, ({ lines }) =>
      lines.slice(from).find(({ text }) => pattern.test(text)),
    );
  }

  /** The VM of the first event from index `from` on that has it in this run state. */
  runState(state: string, from = 0) {
    return this.until(
      `run state ${state}`,
      ({ events }) =>
        events.slice(from).find(({ vm }) => vm?.runState === `VM_RUN_STATE_${state}`)?.vm ?? undefined,
    );
  }

  stop(): void {
    this.stream.cancel();
  }
}
