// Where a vcpud is: the one syntax of --listen, of --endpoint and of clients, and what may be spoken without TLS. Loads
// nothing of gRPC: the command lines read their arguments with it.

import { isIPv4, isIPv6 } from 'node:net';

/** unix:///PATH or tcp://HOST:PORT, read. */
export interface Endpoint {
  readonly kind: 'unix' | 'tcp';
  /** The socket's path, or host:port, with an IPv6 address in brackets. */
  readonly address: string;
}

const UNIX = 'unix://';
const TCP = 'tcp://';
const HOST_PORT = /^(?:\[([^\]]+)\]|([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)):(\d{1,5})$/;
const MAX_PORT = 65_535;

/** Reads unix:///PATH or tcp://HOST:PORT. Throws an Error whose message is for a person. */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith(`${UNIX}/`) && text.length > `${UNIX}/`.length) {
    return { kind: 'unix', address: text.slice(UNIX.length) };
  }
  if (text.startsWith(TCP)) {
    const address = text.slice(TCP.length);
    const [, ipv6, , port] = HOST_PORT.exec(address) ?? [];
    if (Number(port) <= MAX_PORT && (ipv6 === undefined || isIPv6(ipv6))) return { kind: 'tcp', address };
  }
  throw new Error(`${text} is neither unix:///PATH nor tcp://HOST:PORT`);
}

/** The same, and as a gRPC client names a target: unix:/PATH or HOST:PORT. Throws an Error whose message is for a person. */
export function parseTarget(text: string): Endpoint {
  if (text.includes('://')) return parseEndpoint(text);
  return parseEndpoint(text.startsWith('unix:/') ? text.replace('unix:', UNIX) : `${TCP}${text}`);
}

/** As it is written: unix:///PATH or tcp://HOST:PORT. */
export function endpointText({ kind, address }: Endpoint): string {
  return `${kind === 'unix' ? UNIX : TCP}${address}`;
}

/** As a gRPC client names it: unix:/PATH or HOST:PORT. */
export function targetOf({ kind, address }: Endpoint): string {
  return kind === 'unix' ? `unix:${address}` : address;
}

/** Host, without brackets, and port of a TCP endpoint. */
export function hostAndPort({ address }: Endpoint): { readonly host: string; readonly port: number } {
  const [, ipv6, name = '', port] = HOST_PORT.exec(address) ?? [];
  return { host: ipv6 ?? name, port: Number(port) };
}

/** Whether what is said there can leave this machine: a TCP address that is not a loopback one. */
export function leavesMachine(endpoint: Endpoint): boolean {
  if (endpoint.kind === 'unix') return false;
  const { host } = hostAndPort(endpoint);
  return !(host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.')));
}
