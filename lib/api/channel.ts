// A gRPC channel to a vcpud: how an endpoint and a TLS identity become what grpc-js takes. Every client of the API is
// made with it.

import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { type ChannelCredentials, type ChannelOptions, credentials } from '@grpc/grpc-js';
import { endpointText, hostAndPort, leavesMachine, parseTarget, targetOf } from './endpoint.js';
import type { TlsMaterial } from './tls-files.js';

/** With what a client speaks mutual TLS: PEM bytes. Only TCP is spoken with it; a Unix socket has its owner. */
export interface ClientTls extends TlsMaterial {
  /** The name that the server's certificate must have, where that is not the host of the endpoint. */
  readonly serverName?: string;
}

export interface Channel {
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
}

/** grpc-js would send an IP address as the server's name, which RFC 6066 forbids and Node warns of on stderr. */
const NAME_SENT_FOR_AN_ADDRESS = 'vcpud';

/** What to open a channel with. Throws an Error for a person where the endpoint is malformed, or needs TLS and there is none. */
export function channelTo(endpointOrTarget: string, tls: ClientTls | undefined): Channel {
  const endpoint = parseTarget(endpointOrTarget);
  const target = targetOf(endpoint);
  if (endpoint.kind === 'unix' || tls === undefined) {
    if (leavesMachine(endpoint)) {
      throw new Error(`${endpointText(endpoint)} is not a loopback address: it needs mutual TLS`);
    }
    return { target, credentials: credentials.createInsecure(), options: {} };
  }
  const name = serverNameFor(hostAndPort(endpoint).host, tls);
  return {
    target,
    credentials: credentials.createSsl(tls.ca, tls.key, tls.cert, {
      checkServerIdentity: (_sent, certificate) => checkServerIdentity(name, certificate),
    }),
    options: { 'grpc.ssl_target_name_override': nameToSend(name) },
  };
}

/** The name that the certificate of a server at this host must have. */
export function serverNameFor(host: string, { serverName }: ClientTls): string {
  return serverName ?? host;
}

/** What is sent as the server's name (SNI). */
export function nameToSend(name: string): string {
  return isIP(name) === 0 ? name : NAME_SENT_FOR_AN_ADDRESS;
}
