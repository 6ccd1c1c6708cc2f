// The standard health service, asked as a kubelet or a load balancer asks it.

import { Client, type ClientReadableStream, credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';

interface Answer {
  readonly status: string;
}

type HealthMethods = {
  Check(request: { service: string }, answered: (error: Error | null, answer?: Answer) => void): void;
  Watch(request: { service: string }): ClientReadableStream<Answer>;
};

const loaded = loadPackageDefinition(loadSync(protoPath, { enums: String, defaults: true })) as unknown as {
  grpc: { health: { v1: { Health: new (...args: ConstructorParameters<typeof Client>) => Client & HealthMethods } } };
};

export class HealthClient {
  private readonly client: Client & HealthMethods;

  constructor(target: string) {
    this.client = new loaded.grpc.health.v1.Health(target, credentials.createInsecure(), {
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

  /** What Watch says, one after the other, until the stream ends, however it does. */
  async *watch(service: string): AsyncGenerator<string> {
    try {
      for await (const { status } of this.client.Watch({ service })) yield status;
    } catch {
      // The server went away: it has said what it had to say.
    }
  }

  close(): void {
    this.client.close();
  }
}
