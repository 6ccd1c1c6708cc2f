// Why a vcpud that was called by TCP did not answer, where TLS is the reason. grpc-js says so in OpenSSL's words, or not at
// all where the other side ends the connection; here the handshake is done once more, by itself, and looked at.

import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, connect, type PeerCertificate } from 'node:tls';
import { type ClientTls, nameToSend, serverNameFor } from './channel.js';
import { type Endpoint, hostAndPort } from './endpoint.js';

/** Every obstacle, and the sentence for it, of which the subject is the other side. */
const OBSTACLES = {
  TLS_WANTED: () => 'it speaks TLS, and no certificates were given',
  TLS_NOT_SPOKEN: () => 'it does not speak TLS',
  TLS_WITHOUT_HTTP2: () => 'it speaks TLS and no HTTP/2: it is no vcpud',
  SERVER_UNTRUSTED: () => 'its certificate is not of the CA that was given',
  SERVER_EXPIRED: () => 'its certificate has expired, or is not valid yet',
  SERVER_NOT_FOR_SERVERS: () => 'its certificate is not for servers (extended key usage)',
  SERVER_NAME_DIFFERS: (wanted: string, names: string) =>
    `its certificate is not for ${wanted}, but for ${names}`,
  CLIENT_REFUSED: () =>
    'it did not take the certificate shown to it, which is not of its CA, has expired, or is not for clients',
} as const;

export type ObstacleReason = keyof typeof OBSTACLES;

export interface Obstacle {
  readonly reason: ObstacleReason;
  /** A sentence of which the subject, "it", is the other side. */
  readonly message: string;
}

/** The reason by what Node says of the server's certificate (X509_verify_cert_error_string's names). */
const VERDICTS: Readonly<Record<string, Exclude<ObstacleReason, 'SERVER_NAME_DIFFERS'>>> = {
  SELF_SIGNED_CERT_IN_CHAIN: 'SERVER_UNTRUSTED',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'SERVER_UNTRUSTED',
  UNABLE_TO_GET_ISSUER_CERT: 'SERVER_UNTRUSTED',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'SERVER_UNTRUSTED',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'SERVER_UNTRUSTED',
  CERT_SIGNATURE_FAILURE: 'SERVER_UNTRUSTED',
  CERT_UNTRUSTED: 'SERVER_UNTRUSTED',
  INVALID_CA: 'SERVER_UNTRUSTED',
  CERT_HAS_EXPIRED: 'SERVER_EXPIRED',
  CERT_NOT_YET_VALID: 'SERVER_EXPIRED',
  INVALID_PURPOSE: 'SERVER_NOT_FOR_SERVERS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'TLS_NOT_SPOKEN',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'TLS_WITHOUT_HTTP2',
};

/** The first bytes of an HTTP/2 client, RFC 9113 3.4: a server that has let it in answers with its settings. */
const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

/** What TLS has to do with it that nothing answered at a TCP endpoint; undefined where it has nothing, or nobody is there. */
export async function tlsObstacle(
  endpoint: Endpoint,
  tls: ClientTls | undefined,
  timeoutMs: number,
): Promise<Obstacle | undefined> {
  if (endpoint.kind === 'unix') return undefined;
  const { host, port } = hostAndPort(endpoint);
  const name = tls === undefined ? host : serverNameFor(host, tls);
  const ending = await handshake(host, port, timeoutMs, {
    ALPNProtocols: ['h2'],
    servername: nameToSend(name),
    ...(tls === undefined
      ? { rejectUnauthorized: false }
      : {
          ca: tls.ca,
          cert: tls.cert,
          key: tls.key,
          checkServerIdentity: (_sent: string, certificate: PeerCertificate) =>
            checkServerIdentity(name, certificate),
        }),
  });
  const of = (reason: Exclude<ObstacleReason, 'SERVER_NAME_DIFFERS'>): Obstacle => ({
    reason,
    message: OBSTACLES[reason](),
  });
  if (tls === undefined) return ending.spoken ? of('TLS_WANTED') : undefined;
  if (ending.refusal?.code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const { subjectaltname, subject } = ending.refusal.cert ?? {};
    const names = subjectaltname ?? [subject?.CN ?? 'nobody'].flat().join(', ');
    return { reason: 'SERVER_NAME_DIFFERS', message: OBSTACLES.SERVER_NAME_DIFFERS(name, names) };
  }
  const known = VERDICTS[ending.refusal?.code ?? ''];
  if (known !== undefined) return of(known);
  if (!ending.spoken || ending.answered) return undefined;
  return of(ending.http2 ? 'CLIENT_REFUSED' : 'TLS_WITHOUT_HTTP2');
}

/** What Node gives of a handshake that failed. */
type Refusal = NodeJS.ErrnoException & { readonly cert?: PeerCertificate };

interface Ending {
  /** The other side speaks TLS: the handshake came to its end, or it said in TLS why not. */
  readonly spoken: boolean;
  readonly http2: boolean;
  /** It let this side in, and said something. */
  readonly answered: boolean;
  readonly refusal: Refusal | undefined;
}

/** One handshake, and what the other side says next: in TLS 1.3 it looks at this side's certificate after the handshake's end. */
function handshake(
  host: string,
  port: number,
  timeoutMs: number,
  options: ConnectionOptions,
): Promise<Ending> {
  return new Promise((resolve) => {
    let spoken = false;
    let http2 = true;
    const tcp = connectTcp({ host, port });
    const socket = connect({ ...options, socket: tcp });
    const timer = setTimeout(() => end({ refusal: undefined, answered: true }), timeoutMs);
    const end = (found: Pick<Ending, 'refusal' | 'answered'>) => {
      clearTimeout(timer);
      const alert = found.refusal?.code?.startsWith('ERR_SSL_') === true && /ALERT/.test(found.refusal.code);
      resolve({ spoken: spoken || alert, http2, ...found });
      socket.destroy();
      tcp.destroy();
    };
    socket.once('secureConnect', () => {
      spoken = true;
      http2 = socket.alpnProtocol === 'h2';
      if (http2 && options.rejectUnauthorized !== false) socket.write(PREFACE);
      else end({ refusal: undefined, answered: false });
    });
    socket.once('data', () => end({ refusal: undefined, answered: true }));
    socket.on('error', (refusal: Refusal) => end({ refusal, answered: false }));
    socket.once('close', () => end({ refusal: undefined, answered: false }));
    tcp.on('error', (refusal: Refusal) => end({ refusal, answered: false }));
  });
}
