// The vcpuds of other hosts, as this one calls them: with the identity that it serves with.

import { VcpudClient } from './client.js';
import type { Identity } from './identity.js';

export class Peers {
  private readonly identity: Identity | undefined;

  /** Without an identity only vcpuds of this host can be called. */
  constructor(identity: Identity | undefined) {
    this.identity = identity;
  }

  /** Whether vcpuds of other hosts can be called. */
  get reachOtherHosts(): boolean {
    return this.identity !== undefined;
  }

  /**
   * A client of the vcpud at unix:///PATH or tcp://HOST:PORT; its caller closes it. TCP with mutual TLS where this vcpud
   * has an identity. Throws an Error for a person where the endpoint is malformed, or needs TLS and there is no identity.
   */
  connect(endpoint: string, timeoutMs: number): VcpudClient {
    return new VcpudClient(endpoint, { timeoutMs, tls: this.identity?.current });
  }
}
