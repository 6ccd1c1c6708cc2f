// Two vCPUs, one of the real kernel and one of the model, which are given the same calls and must give the same answers:
// return values and errnos, and what reads back afterwards, whether or not the kernel took the state.

import { closeSync, ftruncateSync } from 'node:fs';
import { CAP, KVM, SIZE } from '../../lib/kvm/abi.js';
import type { ModelVcpu } from '../../lib/kvm/model/vcpu.js';
import { msrRows } from '../../lib/kvm/msrs.js';
import type { SystemPort, VcpuPort, VmPort } from '../../lib/kvm/port.js';
import { FIELDS, MIN_BUFFER_BYTES, type NestedFormat, PAGE_BYTES } from '../../lib/nested/layout.js';
import { resetNestedState } from '../../lib/nested/reset.js';
import type { KernelFacts } from '../../lib/nested/rule.js';
import { explainRefusal, type RuleReason } from '../../lib/nested/rules.js';
import { KernelError } from '../../lib/os/kernel-error.js';
import { memfdCreate, mmapShared, munmap, viewOf } from '../../lib/os/libc.js';
import { prepareGet } from '../../lib/state/nested-access.js';
import type { VcpuSnapshot } from '../../lib/state/vcpu-components.js';
import type { NumberField, PreparedCase } from './fuzz-case.js';
import type { FuzzVendor } from './vendor.js';

/** What is read back and compared after every case, and after one in ALL_BACK_EVERY. */
const READ_BACK = [
  ['nested', KVM.GET_NESTED_STATE, MIN_BUFFER_BYTES],
  ['sregs2', KVM.GET_SREGS2, SIZE.sregs2],
] as const;
const ALL_BACK_EVERY = 8;
const ALL_BACK = [
  ...READ_BACK,
  ['regs', KVM.GET_REGS, SIZE.regs],
  ['events', KVM.GET_VCPU_EVENTS, SIZE.events],
  ['debugregs', KVM.GET_DEBUGREGS, SIZE.debugregs],
] as const;

/** As vcpud's own VMs have it; the captured events have what these add. */
const ENABLED = [CAP.EXCEPTION_PAYLOAD, CAP.TRIPLE_FAULT_EVENT] as const;

function enableCap(vm: VmPort, capability: number): void {
  const request = Buffer.alloc(104); // struct kvm_enable_cap: cap u32, flags u32, args u64[4]
  request.writeUInt32LE(capability, 0);
  request.writeBigUInt64LE(1n, 8);
  vm.ioctl(KVM.ENABLE_CAP, request);
}

/** KVM_SET_USER_MEMORY_REGION of one page. */
function giveMemory(vm: VmPort, slot: number, gpa: bigint, address: number): void {
  const region = Buffer.alloc(32); // struct kvm_userspace_memory_region
  region.writeUInt32LE(slot, 0);
  region.writeBigUInt64LE(gpa, 8);
  region.writeBigUInt64LE(BigInt(PAGE_BYTES), 16);
  region.writeBigUInt64LE(BigInt(address), 24);
  vm.ioctl(KVM.SET_USER_MEMORY_REGION, region);
}

/** Where the two are not of one mind. */
export interface Disagreement {
  /** The call, or the part that was read back, with the first field that differs. */
  readonly where: string;
  readonly kernel: string;
  readonly model: string;
}

export interface Outcome {
  /** What the kernel answered to KVM_SET_NESTED_STATE: "0", an errno's name, or a positive number. */
  readonly answer: string;
  /** The rule that explains a refusal. */
  readonly rule: RuleReason | undefined;
  readonly disagreement: Disagreement | undefined;
}

class Disagreed extends Error {
  readonly disagreement: Disagreement;
  constructor(where: string, kernel: string, model: string) {
    super(where);
    this.disagreement = { where, kernel, model };
  }
}

function ask(port: VcpuPort, request: number, argument: Buffer | number): string {
  try {
    return String(port.ioctl(request, argument));
  } catch (error) {
    if (error instanceof KernelError) return error.code;
    throw error;
  }
}

/**
 * Memory for the kernel's copies, mapped, so that a call carries an address and no Buffer: what ffi-rs does for each
 * Buffer costs several times as much as the call.
 */
class Arena {
  readonly address: number;
  readonly bytes: Buffer;
  private readonly fd: number;

  constructor(length: number) {
    this.fd = memfdCreate('fuzz');
    ftruncateSync(this.fd, length);
    this.address = mmapShared(this.fd, length);
    this.bytes = viewOf(this.address, length);
  }

  /** No view of it may be touched afterwards. */
  close(): void {
    munmap(this.address, this.bytes.length);
    closeSync(this.fd);
  }
}

/** Room for the largest argument: a CPUID table. */
const ARENA_BYTES = 65_536;

export class Pair {
  private readonly format: NestedFormat;
  private readonly unequal: readonly NumberField[];
  /** Guest memory of both, page by page. */
  private readonly memory: ReadonlyArray<readonly [kernel: Arena, model: Arena]>;
  private readonly rules: KernelFacts;
  private readonly vms: readonly [VmPort, VmPort];
  private readonly kernel: VcpuPort;
  private readonly model: VcpuPort;
  private readonly arena = new Arena(ARENA_BYTES);
  private readonly modelBytes = Buffer.alloc(ARENA_BYTES);
  private readonly leaving: Buffer;
  private cpuid: Buffer | undefined;
  /** What was set last; a case that asks for the same isn't given it again. */
  private given: { sregs2: Buffer; events: Buffer } | undefined;
  private cases = 0;
  private sregsRead = Buffer.alloc(0);

  constructor(
    { format, memory, unequal }: FuzzVendor,
    rules: KernelFacts,
    kernel: SystemPort,
    model: SystemPort,
  ) {
    this.format = format;
    this.unequal = unequal;
    this.rules = rules;
    this.vms = [kernel.createVm(), model.createVm()];
    for (const vm of this.vms) for (const cap of ENABLED) enableCap(vm, cap);
    this.memory = memory.map(([gpa, head], slot) => {
      const page = (vm: VmPort): Arena => {
        const arena = new Arena(PAGE_BYTES);
        arena.bytes.writeUInt32LE(head, 0);
        giveMemory(vm, slot, gpa, arena.address);
        return arena;
      };
      return [page(this.vms[0]), page(this.vms[1])] as const;
    });
    this.kernel = this.vms[0].createVcpu(0);
    this.model = this.vms[1].createVcpu(0);
    this.leaving = Buffer.alloc(MIN_BUFFER_BYTES);
    this.leaving.set(resetNestedState(format));
  }

  close(): void {
    for (const port of [this.kernel, this.model, ...this.vms]) port.close();
    this.arena.close();
    for (const arena of this.memory.flat()) arena.close();
  }

  /** Gives both what a captured state has beside what each case gives. Throws a Disagreed. */
  private both(where: string, request: number, bytes: Buffer): string {
    bytes.copy(this.arena.bytes);
    bytes.copy(this.modelBytes);
    const kernel = ask(this.kernel, request, this.arena.address);
    const model = ask(this.model, request, this.modelBytes);
    if (kernel !== model) throw new Disagreed(where, kernel, model);
    return kernel;
  }

  /** Rows that both take or both refuse; those after a refused one are set all the same. */
  private setMsrs(rows: ReadonlyArray<readonly [index: number, value: bigint]>): void {
    for (const [index, value] of rows) {
      const table = Buffer.alloc(SIZE.msrsHeader + SIZE.msrEntry);
      table.writeUInt32LE(1, 0);
      table.writeUInt32LE(index, SIZE.msrsHeader);
      table.writeBigUInt64LE(value, SIZE.msrsHeader + 8);
      this.both(`KVM_SET_MSRS 0x${index.toString(16)}`, KVM.SET_MSRS, table);
    }
  }

  /** Takes both to a captured state, out of L2. */
  toBase(base: VcpuSnapshot, cpuid: Buffer): Disagreement | undefined {
    return this.judged(() => {
      this.both('leaving nested operation', KVM.SET_NESTED_STATE, this.leaving);
      this.setCpuid(cpuid);
      const take = (where: string, request: number, bytes: Buffer | undefined) => {
        const answer = this.both(where, request, bytes ?? Buffer.alloc(0));
        if (answer !== '0')
          throw new Disagreed(`${where}, whose captured state is not taken`, answer, answer);
      };
      take('KVM_SET_SREGS2', KVM.SET_SREGS2, base.sregs2);
      take('KVM_SET_REGS', KVM.SET_REGS, base.regs);
      take('KVM_SET_VCPU_EVENTS', KVM.SET_VCPU_EVENTS, base.events);
      take('KVM_SET_DEBUGREGS', KVM.SET_DEBUGREGS, base.debugregs);
      this.setMsrs(msrRows(base.msrs ?? Buffer.alloc(0)).map(({ index, value }) => [index, value] as const));
      this.given = undefined;
    });
  }

  private judged(task: () => void): Disagreement | undefined {
    try {
      task();
      return undefined;
    } catch (error) {
      if (error instanceof Disagreed) return error.disagreement;
      throw error;
    }
  }

  private setCpuid(entries: Buffer): void {
    if (this.cpuid?.equals(entries) === true) return;
    const table = Buffer.alloc(SIZE.cpuidHeader + entries.length);
    table.writeUInt32LE(entries.length / SIZE.cpuidEntry, 0);
    entries.copy(table, SIZE.cpuidHeader);
    this.cpuid = entries;
    this.both('KVM_SET_CPUID2', KVM.SET_CPUID2, table);
  }

  /** One case. */
  run(prepared: PreparedCase, leaveFirst: boolean): Outcome {
    let answer = '';
    let rule: RuleReason | undefined;
    const disagreement = this.judged(() => {
      if (leaveFirst) this.both('leaving nested operation', KVM.SET_NESTED_STATE, this.leaving);
      this.setCpuid(prepared.cpuid);
      const { given } = this;
      if (given?.events.equals(prepared.events) !== true)
        this.both('KVM_SET_VCPU_EVENTS', KVM.SET_VCPU_EVENTS, prepared.events);
      if (given?.sregs2.equals(prepared.sregs2) !== true || !this.sregsRead.equals(prepared.sregs2))
        this.both('KVM_SET_SREGS2', KVM.SET_SREGS2, prepared.sregs2);
      this.given = prepared;
      this.setMsrs(prepared.msrs);
      const facts = (this.model as ModelVcpu).vendor.facts();
      rule = explainRefusal(prepared.nested, facts, this.rules)?.reason;
      answer = this.both('KVM_SET_NESTED_STATE', KVM.SET_NESTED_STATE, prepared.nested);
      if ((answer === '0') !== (rule === undefined))
        throw new Disagreed('the table of rules', answer, rule ?? 'no rule is broken');
      this.compare();
    });
    return { answer, rule, disagreement };
  }

  private compare(): void {
    this.cases += 1;
    for (const [part, request, bytes] of this.cases % ALL_BACK_EVERY === 0 ? ALL_BACK : READ_BACK) {
      const left = this.arena.bytes.subarray(0, bytes);
      const right = this.modelBytes.subarray(0, bytes);
      for (const buffer of [left, right]) {
        if (part === 'nested') prepareGet(buffer);
        else buffer.fill(0);
      }
      const kernel = ask(this.kernel, request, this.arena.address);
      const model = ask(this.model, request, this.modelBytes);
      if (kernel !== model) throw new Disagreed(`reading ${part}`, kernel, model);
      if (part === 'nested') {
        for (const { offset, bytes: length } of this.unequal)
          left.copy(right, offset, offset, offset + length);
      }
      if (left.equals(right)) {
        if (part === 'sregs2') this.sregsRead = Buffer.from(left);
        continue;
      }
      const at = left.findIndex((byte, i) => byte !== right[i]);
      const field = FIELDS[this.format].find(
        ({ offset, bytes: length }) => at >= offset && at < offset + length,
      );
      const name = part === 'nested' && field !== undefined ? field.path : `byte ${at}`;
      const from = part === 'nested' && field !== undefined ? field.offset : at;
      const end = part === 'nested' && field !== undefined ? field.offset + field.bytes : at + 8;
      throw new Disagreed(
        `${part}, ${name}`,
        left.subarray(from, end).toString('hex'),
        right.subarray(from, end).toString('hex'),
      );
    }
    this.memory.forEach(([kernel, model], i) => {
      if (!kernel.bytes.equals(model.bytes)) throw new Disagreed(`guest memory, page ${i}`, 'one', 'another');
    });
  }
}
