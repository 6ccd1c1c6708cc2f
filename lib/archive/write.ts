// Writes a saved VM, in order and in bounded memory: what is held is one memory section, and 64 bytes for each section
// that is written.

import { headOf, preamble, runHead, sha256, trailer } from './codec.js';
import type { Sink } from './file.js';
import { MEMORY_SECTION_BYTES, RUN_BYTES, type SectionName, TRAILER_BYTES } from './layout.js';

/** What was written. */
export interface Written {
  /** Of the file. */
  readonly bytes: number;
  /** Of guest memory: what was not zero. */
  readonly memoryBytes: number;
  /** SHA-256 that stands for the whole file. */
  readonly fingerprint: Buffer;
}

export class ArchiveWriter {
  private readonly sink: Sink;
  private readonly heads: Buffer[] = [];
  private readonly runs: Buffer[] = [];
  private pendingBytes = 0;
  private memorySections = 0;
  private memoryBytes = 0;
  private at = 0;

  private constructor(sink: Sink) {
    this.sink = sink;
  }

  /** Writes the preamble. */
  static async begin(sink: Sink): Promise<ArchiveWriter> {
    const writer = new ArchiveWriter(sink);
    await writer.write(preamble());
    return writer;
  }

  /** Writes a section that has a message. */
  section(name: Exclude<SectionName, 'memory' | 'index'>, index: number, message: Buffer): Promise<void> {
    return this.put(headOf(name, index, [message]), [message]);
  }

  /** Takes a run of guest memory, whole pages, at most MEMORY_SECTION_BYTES; held until a section is full. */
  async memory(gpa: bigint, data: Buffer): Promise<void> {
    if (this.pendingBytes + data.length > MEMORY_SECTION_BYTES) await this.flush();
    this.runs.push(runHead(gpa, data.length), data);
    this.pendingBytes += RUN_BYTES + data.length;
    this.memoryBytes += data.length;
  }

  /** Writes what is held, the index and the trailer. */
  async end(): Promise<Written> {
    await this.flush();
    const indexOffset = this.at;
    const index = Buffer.concat(this.heads);
    const head = headOf('index', 0, [index]);
    await this.put(head, [index]);
    const fingerprint = sha256(preamble(), head, index);
    await this.write(trailer({ indexOffset, fileBytes: this.at + TRAILER_BYTES, fingerprint }));
    return { bytes: this.at, memoryBytes: this.memoryBytes, fingerprint };
  }

  private async flush(): Promise<void> {
    if (this.runs.length === 0) return;
    const payload = this.runs.splice(0);
    this.pendingBytes = 0;
    await this.put(headOf('memory', this.memorySections, payload), payload);
    this.memorySections += 1;
  }

  private async put(head: Buffer, payload: readonly Buffer[]): Promise<void> {
    this.heads.push(head);
    await this.write(Buffer.concat([head, ...payload]));
  }

  private async write(bytes: Buffer): Promise<void> {
    await this.sink.write(bytes);
    this.at += bytes.length;
  }
}
