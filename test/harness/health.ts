// The standard health service, asked as a kubelet or a load balancer asks it.

import { type Client, type ClientReadableStream, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';
import { type ClientTls, channelTo } from '../../lib/api/channel.js';

interface Answer {
  readonly status: string;
}

type HealthMethods = {
  Check(request: { service: string }, answered: (error: Error | null, answer?: Answer) => void): void;
  Watch(request: { service: string }): ClientReadableStream<Answer>;
};

const loaded = loadPackageDefinition(loadSync(protoPath, { enums: String, defaults: true })) as unknown as {
  grpc: {
    health: { v1: { Health: new (...args: ConstructorParameters<typeof Client>) => Client & HealthMethods } };
  };
};

export class HealthClient {
  private readonly client: Client & HealthMethods;

  constructor(endpoint: string, tls?: ClientTls) {
    const { target, credentials, options } = channelTo(endpoint, tls);
    this.client = new loaded.grpc.health.v1.Health(target, credentials, {
      ...options,
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** What Check says of a service by its full name, or of all with ''. */
  check(service: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.client.Check({ service }, (error, answer) => {
        if (error === null && answer !== undefined) resolve(answer.status);
        else reject(error ?? new Error('no answer'));
      });
    });
  }

  /** Calls back with what Watch says, each time it says something; gives what ends it. */
  watch(service: string, said: (status: string) => void): () => void {
    const stream = this.client.Watch({ service });
    stream.on('data', ({ status }: Answer) => said(status));
    stream.on('error', () => undefined); // cancelled, or the server is gone: it has said what it had to say
    return () => stream.cancel();
  }

  close(): void {
    this.client.close();
  }
}
