// The sentences about the three files of a TLS identity, and an identity whose files are replaced.

import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Identity } from '../../../lib/api/identity.js';
import { readTlsFiles, TlsFileError, type TlsFiles, type TlsMaterial } from '../../../lib/api/tls-files.js';
import { Authority, writeTlsFiles } from '../../harness/certificates.js';
import { eventually } from '../../harness/eventually.js';

let authority: Authority;
let sound: TlsMaterial;
let other: TlsMaterial;
let folder: string;
let files: TlsFiles;

beforeAll(async () => {
  authority = await Authority.make('a CA');
  sound = await authority.issue('host-a');
  other = await authority.issue('host-b');
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vcpud-tls-'));
  files = writeTlsFiles(folder, 'host', sound);
});

afterEach(() => rmSync(folder, { recursive: true }));

describe('the files', () => {
  test('are given as they are', () => {
    expect(readTlsFiles(files, 'server')).toEqual(sound);
    expect(readTlsFiles(files, 'client')).toEqual(sound);
  });

  test('may hold more than one certificate each: several CAs, and those between', () => {
    writeFileSync(files.ca, `two\n${sound.ca}\n${sound.ca}\n`);
    writeFileSync(files.cert, `${sound.cert}\n${other.cert}\n`);
    expect(readTlsFiles(files, 'server').cert.toString()).toBe(`${sound.cert}\n${other.cert}\n`);
  });

  const garbled = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  const encrypted = (type: 'pkcs8' | 'sec1') => () =>
    createPrivateKey(sound.key).export({ type, format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' });

  const rows: ReadonlyArray<readonly [part: keyof TlsFiles, bytes: () => Buffer | string, sentence: RegExp]> =
    [
      ['ca', () => '', /^\S+host-ca\.crt holds no certificate in PEM$/],
      ['cert', () => sound.key, /^\S+host\.crt holds no certificate in PEM$/],
      ['ca', () => garbled, /^\S+host-ca\.crt holds a certificate that cannot be read$/],
      ['cert', () => garbled, /^\S+host\.crt holds a certificate that cannot be read$/],
      ['key', () => sound.cert, /^\S+host\.key holds no private key in PEM$/],
      ['key', () => other.key, /^the key \S+host\.key is not that of the certificate \S+host\.crt$/],
      ['key', encrypted('pkcs8'), /^the key \S+host\.key is encrypted, and nobody is there to be asked/],
      ['key', encrypted('sec1'), /^the key \S+host\.key is encrypted, and nobody is there to be asked for/],
    ];

  for (const [part, bytes, sentence] of rows) {
    test(`are refused: ${sentence.source}`, () => {
      writeFileSync(files[part], bytes());
      expect(() => readTlsFiles(files, 'server')).toThrow(TlsFileError);
      expect(() => readTlsFiles(files, 'server')).toThrow(sentence);
    });
  }

  test.each([
    ['ca', /^cannot read the CA certificate \S+host-ca\.crt: ENOENT: no such file or directory$/],
    ['cert', /^cannot read the certificate \S+host\.crt: ENOENT/],
    ['key', /^cannot read the key \S+host\.key: ENOENT/],
  ] as const)('are missed by name: %s', (part, sentence) => {
    rmSync(files[part]);
    expect(() => readTlsFiles(files, 'client')).toThrow(sentence);
  });

  test('are refused where the certificate is not valid now, with the time', async () => {
    const hour = (from: number) => ({
      from: new Date(from * 3_600_000),
      to: new Date((from + 1) * 3_600_000),
    });
    writeTlsFiles(folder, 'host', await authority.issue('host-a', hour(1)));
    expect(() => readTlsFiles(files, 'server')).toThrow(/host\.crt expired on 1970-01-01T02:00:00\.000Z$/);
    writeTlsFiles(folder, 'host', await authority.issue('host-a', hour(600_000)));
    expect(() => readTlsFiles(files, 'server')).toThrow(/host\.crt is not valid before 2038-06-13T/);
  });

  test('are refused on the side that the certificate is not for', async () => {
    writeTlsFiles(folder, 'host', await authority.issue('host-a', { sides: ['client'] }));
    expect(() => readTlsFiles(files, 'server')).toThrow(/host\.crt is not for the server of a connection/);
    expect(readTlsFiles(files, 'client').ca).toEqual(sound.ca);
  });
});

describe('an identity', () => {
  const LOOK_MS = 10;

  /** What it tells of, in order; ended with the test. */
  function following(identity: Identity): { readonly told: string[]; stop(): void } {
    const told: string[] = [];
    const stop = identity.follow(
      { changed: () => told.push('changed'), refused: ({ message }) => told.push(message) },
      LOOK_MS,
    );
    return { told, stop };
  }

  /** As an operator does it who does it well: each file changes at once. */
  function replace(material: Partial<TlsMaterial>): void {
    for (const part of ['ca', 'cert', 'key'] as const) {
      const bytes = material[part];
      if (bytes === undefined) continue;
      writeFileSync(`${files[part]}.new`, bytes);
      renameSync(`${files[part]}.new`, files[part]);
    }
  }

  test('is another when its files are, and does not wait for a restart', async () => {
    const identity = new Identity(files);
    const { told, stop } = following(identity);
    replace(other);
    await eventually('the change', () => (told.includes('changed') ? true : undefined));
    expect(identity.current).toEqual(other);
    stop();
  });

  test('stays what it is while its files do not fit together, says so once, and goes on looking', async () => {
    const identity = new Identity(files);
    const { told, stop } = following(identity);
    replace({ cert: other.cert });
    await eventually('the refusal', () => told[0]);
    expect(told).toEqual([expect.stringMatching(/is not that of the certificate/)]);
    expect(identity.current).toEqual(sound);
    replace({ key: other.key });
    await eventually('the change', () => told[1]);
    expect(told[1]).toBe('changed');
    expect(identity.current).toEqual(other);
    rmSync(files.ca);
    await eventually('the second refusal', () => told[2]);
    expect(told[2]).toMatch(/^cannot read the CA certificate/);
    expect(identity.current).toEqual(other);
    stop();
    expect(told).toHaveLength(3);
  });
});
