// The client of the API where a call fails before its caller listens.
import { expect, test } from 'vitest';
import { VcpudClient } from '../../../lib/api/client.js';
import { rpcError, startFakeVcpud } from './fake-vcpud.js';

test('a stream that fails before it is iterated fails its iteration, and nothing else', async () => {
  const vcpud = await startFakeVcpud();
  const client = new VcpudClient(vcpud.endpoint.replace('unix://', 'unix:'));
  try {
    vcpud.on('MemoryService/ReadMemory', () => {
      throw rpcError('NOT_FOUND', 'there is no VM web', []);
    });
    const stream = client.readMemory({ name: 'vms/web', gpa: 0, sizeBytes: 1 });
    // On the same connection, and later: when it is answered the stream has failed.
    await client.vm.GetVm({ name: 'vms/web' });
    await client.vm.GetVm({ name: 'vms/web' });
    const iterate = async () => {
      for await (const _message of stream) expect.unreachable();
    };
    await expect(iterate()).rejects.toThrow('there is no VM web');
  } finally {
    client.close();
    vcpud.stop();
  }
});
