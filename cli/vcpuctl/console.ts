// vcpuctl vm console: a terminal, or a pipe, on a guest's serial port.

import type { VcpudClient } from '../../lib/api/client.js';
import { streamUntilAborted, untilAborted } from '../../lib/archive/until-aborted.js';
import type { WriteConsoleRequest } from '../../protos/gen/vcpud/v1/WriteConsoleRequest.js';
import { Interrupted, VcpuctlError } from './failure.js';
import type { Session } from './session.js';

/** Ctrl-], as telnet has it: no shell and no editor uses it. */
const LEAVE_KEY = 0x1d;

/** The reader had enough: no failure. */
class Left extends Error {}

/** Shows what the guest writes and gives it what is typed, until the VM stops or is gone, or the reader leaves. */
export async function attach(
  session: Session,
  name: string,
  options: { readonly history?: true },
): Promise<void> {
  if (session.json) {
    throw new VcpuctlError('USAGE', '', 'a console is bytes, not JSON: vm watch shows it as events');
  }
  const { io } = session;
  const client = await session.connect();
  const leaving = new AbortController();
  const forget = io.onInterrupt(() => leaving.abort(new Interrupted()));
  const restore = io.rawInput();
  if (io.inIsTerminal) io.err('Ctrl-] leaves.\r\n');
  try {
    const pieces = typed(session, name, leaving);
    // Its end is no end of the console: a pipe may have said all it had to say.
    client.writeConsole(pieces).catch((error: unknown) => leaving.abort(error));
    await show(session, client, name, options.history === true, leaving.signal);
  } catch (error) {
    if (!(error instanceof Left)) throw error;
  } finally {
    leaving.abort(new Left());
    restore();
    forget();
    if (io.inIsTerminal) io.err('\n');
  }
}

async function show(
  { io }: Session,
  client: VcpudClient,
  name: string,
  consoleHistory: boolean,
  signal: AbortSignal,
): Promise<void> {
  // What the VM is at first: one that has stopped may be reset and run again.
  let first = true;
  for await (const { console, vm } of streamUntilAborted(signal, client.watchVm({ name, consoleHistory }))) {
    if (console?.port === 'CONSOLE_PORT_SERIAL') await io.out(console.data);
    if (vm?.runState === 'VM_RUN_STATE_STOPPED' && !first) return;
    first = false;
  }
}

/** Standard input, until its end or until somebody at a terminal leaves. */
async function* typed(
  { io }: Session,
  name: string,
  leaving: AbortController,
): AsyncGenerator<WriteConsoleRequest> {
  // Before anything is typed: a VM without a serial port is told of at once.
  yield { name };
  const input = io.stdin()[Symbol.asyncIterator]();
  for (;;) {
    const next = await untilAborted(leaving.signal, input.next());
    if (next.done === true) return;
    const leave = io.inIsTerminal ? next.value.indexOf(LEAVE_KEY) : -1;
    yield { data: leave < 0 ? next.value : next.value.subarray(0, leave) };
    if (leave >= 0) leaving.abort(new Left());
  }
}
