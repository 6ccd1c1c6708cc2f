// The three files of a TLS identity: the CA of the peers, a certificate and its key. Read and checked, so that what is
// wrong with them is said in one sentence and before anybody connects. vcpud's identity and vcpuctl read them here.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

/** Paths of PEM files. */
export interface TlsFiles {
  /** The certificates of the CAs whose certificates the other side may show. */
  readonly ca: string;
  /** This side's certificate, then those of the CAs between it and the other side's CA, if any. */
  readonly cert: string;
  /** The private key of `cert`, not encrypted. */
  readonly key: string;
}

/** What the files hold. */
export interface TlsMaterial {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Which sides of a connection a certificate may be shown on, by extended key usage (RFC 5280, 4.2.1.12). */
const SIDES = {
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
} as const;

export type TlsSide = keyof typeof SIDES;

/** A file that cannot be used. The message is for a person, names the file, and has nothing of what it holds. */
export class TlsFileError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TlsFileError';
  }
}

const WORDS: Readonly<Record<keyof TlsFiles, string>> = {
  ca: 'the CA certificate',
  cert: 'the certificate',
  key: 'the key',
};

/** Reads and checks the files. Throws TlsFileError. */
export function readTlsFiles(files: TlsFiles, side: TlsSide): TlsMaterial {
  const read = (part: keyof TlsFiles): Buffer => {
    try {
      return readFileSync(files[part]);
    } catch (error) {
      throw unreadable(part, files, error);
    }
  };
  const material = { ca: read('ca'), cert: read('cert'), key: read('key') };
  checkTlsMaterial(files, material, side);
  return material;
}

/** What a failed read of one of them is to the operator. */
export function unreadable(part: keyof TlsFiles, files: TlsFiles, error: unknown): TlsFileError {
  // "ENOENT: no such file or directory, open '/a/b'"
  const [why] = (error as Error).message.split(', ');
  return new TlsFileError(`cannot read ${WORDS[part]} ${files[part]}: ${why}`);
}

/** Whether the three fit each other, now. Throws TlsFileError. */
export function checkTlsMaterial(files: TlsFiles, { ca, cert, key }: TlsMaterial, side: TlsSide): void {
  certificatesIn('ca', files, ca);
  const [leaf] = certificatesIn('cert', files, cert);
  const what = `${WORDS.cert} ${files.cert}`;
  if (leaf?.checkPrivateKey(privateKeyIn(files, key)) !== true) {
    throw new TlsFileError(`${WORDS.key} ${files.key} is not that of ${what}`);
  }
  const [from, to] = [new Date(leaf.validFrom), new Date(leaf.validTo)];
  const now = Date.now();
  if (now > to.getTime()) throw new TlsFileError(`${what} expired on ${to.toISOString()}`);
  if (now < from.getTime()) throw new TlsFileError(`${what} is not valid before ${from.toISOString()}`);
  // Without the extension a certificate is for both sides.
  const usages: readonly string[] | undefined = leaf.keyUsage;
  if (usages !== undefined && !usages.includes(SIDES[side])) {
    throw new TlsFileError(`${what} is not for the ${side} of a connection (extended key usage)`);
  }
  try {
    createSecureContext({ ca, cert, key });
  } catch (error) {
    throw new TlsFileError(`${what} cannot be used for TLS: ${(error as Error).message}`);
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of a file, one at least, in order. */
function certificatesIn(part: 'ca' | 'cert', files: TlsFiles, pem: Buffer): X509Certificate[] {
  const found = pem.toString('latin1').match(CERTIFICATE) ?? [];
  if (found.length === 0) throw new TlsFileError(`${files[part]} holds no certificate in PEM`);
  try {
    return found.map((text) => new X509Certificate(text));
  } catch {
    throw new TlsFileError(`${files[part]} holds a certificate that cannot be read`);
  }
}

/** PKCS #8 says it in the first line, the older forms in a header. */
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;

function privateKeyIn(files: TlsFiles, pem: Buffer): KeyObject {
  if (ENCRYPTED.test(pem.toString('latin1'))) {
    throw new TlsFileError(
      `${WORDS.key} ${files.key} is encrypted, and nobody is there to be asked for its passphrase`,
    );
  }
  try {
    return createPrivateKey(pem);
  } catch {
    throw new TlsFileError(`${files.key} holds no private key in PEM`);
  }
}
