// Certificate authorities of a test's own, and what they sign: made anew each time, nothing of them is kept in the sources.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import type { TlsFiles, TlsMaterial } from '../../lib/api/tls-files.js';

const HOUR_MS = 3_600_000;

/** What a certificate is made of. */
export interface CertificateFacts {
  /** The common name, and a DNS name of the subject alternative name. */
  readonly name: string;
  /** URIs of the subject alternative name. */
  readonly uris: readonly string[];
  /** IP addresses of it. */
  readonly addresses: readonly string[];
  /** Extended key usage. */
  readonly sides: ReadonlyArray<'server' | 'client'>;
  readonly from: Date;
  readonly to: Date;
}

/** PEM. */
interface Pair {
  readonly cert: string;
  readonly key: string;
}

export class Authority {
  private readonly pair: Pair;

  private constructor(pair: Pair) {
    this.pair = pair;
  }

  static async make(name: string): Promise<Authority> {
    const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
      keyType: 'ec',
      algorithm: 'sha256',
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
      ],
    });
    return new Authority({ cert, key });
  }

  /** The authority's own certificate, PEM. */
  get cert(): Buffer {
    return Buffer.from(this.pair.cert);
  }

  /** A certificate for 127.0.0.1 and both sides of a connection, valid for an hour, with these changes. */
  async issue(name: string, changes: Partial<CertificateFacts> = {}): Promise<TlsMaterial> {
    const now = Date.now();
    const facts: CertificateFacts = {
      name,
      uris: [],
      addresses: ['127.0.0.1'],
      sides: ['server', 'client'],
      from: new Date(now - HOUR_MS),
      to: new Date(now + HOUR_MS),
      ...changes,
    };
    const { cert, private: key } = await generate([{ name: 'commonName', value: facts.name }], {
      keyType: 'ec',
      algorithm: 'sha256',
      notBeforeDate: facts.from,
      notAfterDate: facts.to,
      ca: this.pair,
      extensions: [
        { name: 'basicConstraints', cA: false },
        {
          name: 'extKeyUsage',
          serverAuth: facts.sides.includes('server'),
          clientAuth: facts.sides.includes('client'),
        },
        {
          name: 'subjectAltName',
          altNames: [
            { type: 2, value: facts.name },
            ...facts.uris.map((value) => ({ type: 6 as const, value })),
            ...facts.addresses.map((ip) => ({ type: 7 as const, ip })),
          ],
        },
      ],
    });
    return { ca: this.cert, cert: Buffer.from(cert), key: Buffer.from(key) };
  }
}

/** Writes ca, certificate and key into a folder, under a name of their own. */
export function writeTlsFiles(folder: string, name: string, { ca, cert, key }: TlsMaterial): TlsFiles {
  const files = {
    ca: join(folder, `${name}-ca.crt`),
    cert: join(folder, `${name}.crt`),
    key: join(folder, `${name}.key`),
  };
  writeFileSync(files.ca, ca);
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key, { mode: 0o600 });
  return files;
}

/** The options of vcpud serve, and of vcpuctl, for these files. */
export function tlsOptions({ ca, cert, key }: TlsFiles): string[] {
  return ['--tls-ca', ca, '--tls-cert', cert, '--tls-key', key];
}
