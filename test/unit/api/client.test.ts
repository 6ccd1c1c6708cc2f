// The client: its streams end on both sides when one side is done, and nothing hangs.

import { setTimeout as wait } from 'node:timers/promises';
import { type ServiceError, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { VcpudClient } from '../../../lib/api/client.js';
import { api } from '../../../lib/api/definitions.js';
import { eventually } from '../../harness/eventually.js';
import { serveOnWire } from '../../harness/wire.js';

const ends: Array<() => void | Promise<void>> = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A client of a server with these handlers. */
async function clientOf(handlers: {
  readonly vm?: object;
  readonly memory?: object;
  readonly timeoutMs?: number;
}): Promise<VcpudClient> {
  const wire = await serveOnWire(() => [
    [api.VmService.service, { ...handlers.vm } as UntypedServiceImplementation],
    [api.MemoryService.service, { ...handlers.memory } as UntypedServiceImplementation],
  ]);
  const client = new VcpudClient(wire.target, { timeoutMs: handlers.timeoutMs });
  ends.push(wire.stop, () => client.close());
  return client;
}

/** A stream of the server's, as a handler sees it. */
interface ServerStream {
  readonly cancelled: boolean;
  write(message: object): boolean;
  end(): void;
  on(event: string, listener: () => void): void;
  emit(event: 'error', error: object): void;
}

describe('a unary call', () => {
  test('that is not answered fails at its deadline', async () => {
    const client = await clientOf({ vm: { GetVm: () => undefined }, timeoutMs: 200 });
    await expect(client.vm.GetVm({ name: 'vms/a' })).rejects.toMatchObject({
      code: status.DEADLINE_EXCEEDED,
    });
  });

  test('to nobody fails at once', async () => {
    const client = new VcpudClient('unix:/nowhere/at/all.sock');
    ends.push(() => client.close());
    await expect(client.vm.GetVm({ name: 'vms/a' })).rejects.toMatchObject({ code: status.UNAVAILABLE });
    await expect(client.ready(100)).rejects.toThrow();
  });
});

describe('an answer that is kept as it came', () => {
  test('has what this version of the API has no name for', async () => {
    const newer = Buffer.from([0x0a, 5, 0x0a, 3, 0x61, 0x62, 0x63, 0xf8, 0x07, 1]);
    const { service } = api.VmService;
    const definition = {
      ...service,
      GetVm: { ...service.GetVm, responseSerialize: (bytes: Buffer) => bytes },
    };
    const wire = await serveOnWire(() => [
      [
        definition,
        { GetVm: (_call: object, answer: (error: null, bytes: Buffer) => void) => answer(null, newer) },
      ],
    ]);
    const client = new VcpudClient(wire.target);
    ends.push(wire.stop, () => client.close());
    expect(await client.answerBytes(service.GetVm, { name: 'vms/abc' })).toEqual(newer);
    expect((await client.vm.GetVm({ name: 'vms/abc' })).vm).toMatchObject({ name: 'abc' });
  });
});

describe('a stream from the server', () => {
  const endless = (seen: { stream: ServerStream | undefined }) => ({
    memory: {
      ReadMemory: (stream: ServerStream) => {
        seen.stream = stream;
        for (let gpa = 0; gpa < 10; gpa += 1) stream.write({ gpa, data: Buffer.alloc(10) });
      },
    },
  });

  test.each(['break', 'cancel', 'throw'])('is cancelled at the server by %s', async (how) => {
    const seen: { stream: ServerStream | undefined } = { stream: undefined };
    const client = await clientOf(endless(seen));
    const incoming = client.readMemory({});
    let taken = 0;
    const all = (async () => {
      for await (const _ of incoming) {
        taken += 1;
        if (taken < 3) continue;
        if (how === 'break') break;
        if (how === 'throw') throw new Error('enough');
        incoming.cancel();
      }
    })();
    if (how === 'throw') await expect(all).rejects.toThrow('enough');
    else await all;
    await eventually('the server to hear of it', () => (seen.stream?.cancelled === true ? true : undefined));
  });

  test('that fails throws what the server said, after what it had sent', async () => {
    const client = await clientOf({
      memory: {
        ReadMemory: (stream: ServerStream) => {
          stream.write({ gpa: 1 });
          stream.emit('error', { code: status.ABORTED, details: 'gone' });
        },
      },
    });
    const gpas: string[] = [];
    const all = (async () => {
      for await (const { gpa } of client.readMemory({})) gpas.push(gpa);
    })();
    await expect(all).rejects.toMatchObject({ code: status.ABORTED, details: 'gone' });
    expect(gpas).toEqual(['1']);
  });
});

describe('a stream to the server', () => {
  /** A server that takes all, or says no at the first message. */
  const taking = (answer: 'all' | 'no') => ({
    memory: {
      WriteMemory: (
        call: { on(event: string, listener: () => void): void },
        callback: (error: Partial<ServiceError> | null, response?: object) => void,
      ) => {
        let taken = 0;
        call.on('data', () => {
          taken += 1;
          if (answer === 'no' && taken === 1) callback({ code: status.OUT_OF_RANGE, details: 'no' });
        });
        call.on('end', () => {
          if (answer === 'all') callback(null, { writtenBytes: taken });
        });
      },
    },
  });

  test('sends everything that a slow source has', async () => {
    const client = await clientOf(taking('all'));
    async function* slowly() {
      for (let gpa = 0; gpa < 5; gpa += 1) {
        await wait(5);
        yield { gpa, data: Buffer.alloc(1024) };
      }
    }
    expect((await client.writeMemory(slowly())).writtenBytes).toBe('5');
  });

  test('that the server refuses fails with what it said, and asks its source for no more', async () => {
    const client = await clientOf(taking('no'));
    let stopped = false;
    async function* endless() {
      try {
        for (;;) yield { gpa: 0, data: Buffer.alloc(64 * 1024) };
      } finally {
        stopped = true;
      }
    }
    await expect(client.writeMemory(endless())).rejects.toMatchObject({
      code: status.OUT_OF_RANGE,
      details: 'no',
    });
    await eventually('the source to be told', () => (stopped ? true : undefined));
  });

  test('whose source fails is cancelled, and fails with the source’s error', async () => {
    const client = await clientOf(taking('all'));
    async function* failing() {
      yield { gpa: 0, zeroBytes: 1 };
      throw new Error('the source failed');
    }
    await expect(client.writeMemory(failing())).rejects.toThrow('the source failed');
  });
});
