// What WatchVm streams, as lines: when, and what. Console output is gathered to whole lines, so that what a guest
// prints byte by byte can be read.

import type { ConsoleOutput__Output } from '../../protos/gen/vcpud/v1/ConsoleOutput.js';
import type { WatchVmResponse__Output } from '../../protos/gen/vcpud/v1/WatchVmResponse.js';
import { time, word } from './output.js';

/** A guest that never ends its line gets one after this many bytes. */
const LONGEST_LINE = 4096;

interface PartialLine {
  /** When its first byte came. */
  readonly when: string;
  text: string;
}

/** Control characters as escapes: a guest's output doesn't drive the reader's terminal. */
function printable(text: string): string {
  return Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    return control && character !== '\t' ? `\\x${code.toString(16).padStart(2, '0')}` : character;
  }).join('');
}

export class WatchLines {
  /** By where it was written. */
  private readonly partial = new Map<string, PartialLine>();

  /** The lines that an event completes. */
  take(event: WatchVmResponse__Output): string {
    const when = time(event.eventTime);
    if (event.console !== null && event.console !== undefined) return this.console(when, event.console);
    return this.flush() + eventLine(when, event);
  }

  /** What is left of lines that have not ended. */
  flush(): string {
    const lines = [...this.partial].map(([where, { when, text }]) => consoleLine(when, where, text));
    this.partial.clear();
    return lines.join('');
  }

  private console(now: string, { vcpuIndex, data, port }: ConsoleOutput__Output): string {
    const where = port === 'CONSOLE_PORT_SERIAL' ? 'serial' : `vcpu ${vcpuIndex} console`;
    // A character a byte: a UTF-8 character may come in two pieces.
    const pieces = data.toString('latin1').split('\n');
    const before = this.partial.get(where);
    const first = (before?.text ?? '') + (pieces[0] ?? '');
    const last = pieces.length === 1 ? first : (pieces.at(-1) ?? '');
    let text = '';
    if (pieces.length > 1) {
      text = consoleLine(before?.when ?? now, where, first);
      for (const line of pieces.slice(1, -1)) text += consoleLine(now, where, line);
    }
    this.partial.delete(where);
    const when = pieces.length === 1 ? (before?.when ?? now) : now;
    if (last.length >= LONGEST_LINE) return text + consoleLine(when, where, last);
    if (last !== '') this.partial.set(where, { when, text: last });
    return text;
  }
}

function consoleLine(when: string, where: string, bytes: string): string {
  const text = Buffer.from(bytes, 'latin1').toString('utf8').replace(/\r$/, '');
  return `${when}  ${where}  ${printable(text)}\n`;
}

function eventLine(when: string, { vm, exit, deleted }: WatchVmResponse__Output): string {
  if (vm !== null && vm !== undefined) {
    const state = word(vm.runState, 'VM_RUN_STATE').toLowerCase();
    const why = vm.stop === null ? '' : ` (${word(vm.stop.reason, 'VM_STOP_REASON')}): ${vm.stop.message}`;
    return `${when}  ${state}${why}\n`;
  }
  if (exit !== null && exit !== undefined) return `${when}  vcpu ${exit.vcpuIndex} exit     ${exit.exit}\n`;
  if (deleted !== null && deleted !== undefined) return `${when}  deleted\n`;
  return `${when}  an event that this vcpuctl does not know\n`;
}
