// Who this vcpud is to others: what it shows as a server to those who call it, and as a client to the vcpuds that it calls.
// The files behind it may be replaced while it runs.

import { readFile } from 'node:fs/promises';
import {
  checkTlsMaterial,
  readTlsFiles,
  type TlsFileError,
  type TlsFiles,
  type TlsMaterial,
  unreadable,
} from './tls-files.js';

/** How often the files are looked at, ms. */
const LOOK_INTERVAL_MS = 5000;

/** What is told to those who follow an identity. */
export interface IdentityFollower {
  /** The files hold something else, and it is in use from now on. */
  changed(material: TlsMaterial): void;
  /** The files hold what cannot be used; the former stays in use. Told once. */
  refused(error: Error): void;
}

export class Identity {
  private readonly files: TlsFiles;
  private material: TlsMaterial;

  /** Reads the files. Throws TlsFileError. */
  constructor(files: TlsFiles) {
    this.files = files;
    this.material = readTlsFiles(files, 'server');
  }

  /** What is in use now; ask again for each new connection. */
  get current(): TlsMaterial {
    return this.material;
  }

  /**
   * Looks at the files now and then, and takes what they hold where it is other than before and fits together: grpc-js'
   * own watcher takes a new certificate with an old key too, and then lets nobody in. Gives what ends it.
   */
  follow(follower: IdentityFollower, everyMs: number = LOOK_INTERVAL_MS): () => void {
    let looking = false;
    let failure = { message: '', times: 0 };
    const look = async () => {
      const found = await this.read();
      if (!(found instanceof Error)) {
        failure = { message: '', times: 0 };
        if (this.holds(found)) return;
        this.material = found;
        follower.changed(found);
        return;
      }
      const again = found.message === failure.message;
      failure = { message: found.message, times: again ? failure.times + 1 : 1 };
      // The first time it may be that they are just being replaced, one after the other.
      if (failure.times === 2) follower.refused(found);
    };
    const timer = setInterval(() => {
      if (looking) return;
      looking = true;
      void look().finally(() => {
        looking = false;
      });
    }, everyMs);
    timer.unref();
    return () => clearInterval(timer);
  }

  private holds({ ca, cert, key }: TlsMaterial): boolean {
    return this.material.ca.equals(ca) && this.material.cert.equals(cert) && this.material.key.equals(key);
  }

  /** Other than at the start nobody waits for the files: without blocking. */
  private async read(): Promise<TlsMaterial | TlsFileError> {
    const read = (part: keyof TlsFiles) =>
      readFile(this.files[part]).catch((error: unknown) => {
        throw unreadable(part, this.files, error);
      });
    try {
      const [ca, cert, key] = await Promise.all([read('ca'), read('cert'), read('key')]);
      const material = { ca, cert, key };
      if (!this.holds(material)) checkTlsMaterial(this.files, material, 'server');
      return material;
    } catch (error) {
      return error as TlsFileError;
    }
  }
}
