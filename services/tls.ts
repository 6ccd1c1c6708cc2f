// Mutual TLS on this side: what a listener shows and asks for, and which of the peers that the CA vouches for are let in.

import type { PeerCertificate } from 'node:tls';
import {
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
} from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { Identity } from '../lib/api/identity.js';
import type { TlsMaterial } from '../lib/api/tls-files.js';
import { VcpudError } from '../lib/errors/vcpud-error.js';
import { toStatus } from './status.js';

/** How TCP is served. */
export interface ServerTls {
  readonly identity: Identity;
  /** DNS names, URIs and common names of certificates that are let in; without any, every certificate of the CA is. */
  readonly allow: readonly string[];
}

/** grpc-js' own createSsl, for certificates that change while the server runs. */
export class MutualTls extends ServerCredentials {
  private readonly interceptors: ServerInterceptor[];

  constructor({ identity, allow }: ServerTls, log: Logger) {
    super({ requestCert: true, rejectUnauthorized: true }, contextOf(identity.current));
    this.interceptors = allow.length === 0 ? [] : [lettingIn(new Set(allow), log)];
  }

  /** New connections are made with it; those that there are stay. */
  use(material: TlsMaterial): void {
    this.updateSecureContextOptions(contextOf(material));
  }

  override _getInterceptors(): ServerInterceptor[] {
    return this.interceptors;
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

const contextOf = ({ ca, cert, key }: TlsMaterial) => ({ ca, cert: [cert], key: [key] });

function lettingIn(allowed: ReadonlySet<string>, log: Logger): ServerInterceptor {
  return (method, call) => {
    const names = namesOf(call.getAuthContext().sslPeerCertificate);
    if (names.some((name) => allowed.has(name))) return new ServerInterceptingCall(call);
    const listener = new ServerListenerBuilder().withOnReceiveMetadata(() => {
      const peer = names.join(', ') || 'a certificate without names';
      log.warn({ peer, from: call.getPeer(), rpc: method.path }, 'a peer that is not let in');
      const error = VcpudError.of('PEER_NOT_ALLOWED', `${peer}: not one of those that vcpud lets in here`, {
        metadata: { peer },
      });
      call.sendStatus(toStatus(error, log));
    });
    return new ServerInterceptingCall(call, { start: (next) => next(listener.build()) });
  };
}

/**
 * An entry of Node's subjectaltname, "DNS:a, URI:b, IP Address:c". A value with a comma, a quote or a control character
 * in it comes as a JSON string (CVE-2021-44532): it can't pass for two.
 */
const ALTERNATIVE_NAME = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/g;
const KINDS: readonly string[] = ['DNS', 'URI'];

/** The names that a certificate can be let in by: DNS names and URIs of its subject alternative name, and its common name. */
export function namesOf(certificate: PeerCertificate | undefined): readonly string[] {
  if (certificate === undefined) return [];
  const alternative = [...(certificate.subjectaltname ?? '').matchAll(ALTERNATIVE_NAME)].flatMap(
    ([, kind = '', value = '']) =>
      KINDS.includes(kind) ? [value.startsWith('"') ? String(JSON.parse(value)) : value] : [],
  );
  // Several where the subject has several; none where it has none.
  const common: unknown = certificate.subject?.CN ?? [];
  return [...new Set([...alternative, ...[common].flat().map(String)])];
}
