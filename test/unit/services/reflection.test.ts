// Server reflection, asked by a client that takes nothing that is not whole: buf, which is written in Go.

import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { expect, test } from 'vitest';
import { reflectedApi } from '../../../services/reflection.js';
import { RPCS } from '../../conformance/wire.js';

test('every rpc is found by it, with all that its messages are made of', async () => {
  const server = new Server();
  new ReflectionService(reflectedApi()).addToServer(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  try {
    const { stdout } = await promisify(execFile)(
      join(process.cwd(), 'node_modules/.bin/buf'),
      ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', '--list-methods', `http://127.0.0.1:${port}`],
      { cwd: tmpdir() }, // away from the sources: what it knows of the API it has from reflection
    );
    const expected = RPCS.map(({ service, name }) => `vcpud.v1.${service}/${name}`);
    expect(stdout.trim().split('\n').toSorted()).toEqual(expected.toSorted());
  } finally {
    server.forceShutdown();
  }
});
