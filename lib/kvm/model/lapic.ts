// A model vCPU's local APIC: its register page, and what KVM makes of one that is set (arch/x86/kvm/lapic.c). No
// interrupt is delivered and no timer expires: no guest runs. Made by vcpu.ts where the VM has an irqchip.

import { SIZE } from '../abi.js';
import { hasX2apic } from './cpuid.js';
import type { VcpuState } from './vcpu-state.js';

export const XAPIC_ENABLE = 1n << 11n;
export const X2APIC_ENABLE = 1n << 10n;

/** Registers, by offset in the page. */
const REG = {
  ID: 0x20,
  LVR: 0x30,
  TASKPRI: 0x80,
  PROCPRI: 0xa0,
  LDR: 0xd0,
  DFR: 0xe0,
  SPIV: 0xf0,
  ISR: 0x100,
  ICR2: 0x310,
  LVTT: 0x320,
  LVT0: 0x350,
  TMICT: 0x380,
  TMCCT: 0x390,
} as const;

/** LVT entries: timer, thermal, performance counters, LINT0, LINT1, error. */
const LVTS = [0x320, 0x330, 0x340, 0x350, 0x360, 0x370] as const;
const LVT_MASKED = 1 << 16;
const LVT0_EXTINT = 7 << 8;
/** Version 14h, six LVT entries. */
const VERSION = 0x14 | (5 << 16);
const DIRECTED_EOI = 1 << 24;

export class Lapic {
  private readonly state: VcpuState;
  private readonly regs = Buffer.alloc(SIZE.lapic);
  /** isr_count is not 0: whether the kernel looks for interrupts in service. */
  private inService = false;

  /** As kvm_lapic_reset leaves it at power-on. */
  constructor(state: VcpuState) {
    this.state = state;
    this.write(REG.ID, (state.index << 24) >>> 0);
    this.setVersion();
    for (const lvt of LVTS) this.write(lvt, LVT_MASKED);
    // KVM_X86_QUIRK_LINT0_REENABLED: on the boot vCPU.
    if (state.index === 0) this.write(REG.LVT0, LVT0_EXTINT);
    this.write(REG.DFR, 0xffff_ffff);
    this.write(REG.SPIV, 0xff);
  }

  private read(register: number): number {
    return this.regs.readUInt32LE(register);
  }

  private write(register: number, value: number): void {
    this.regs.writeUInt32LE(value, register);
  }

  private get x2apic(): boolean {
    const both = XAPIC_ENABLE | X2APIC_ENABLE;
    return (this.state.apicBase & both) === both;
  }

  /** kvm_apic_set_version. An IOAPIC in the kernel, which there is here, keeps directed EOI away. */
  setVersion(): void {
    const directed = hasX2apic(this.state.cpuid) && !this.state.vm.irqchip;
    this.write(REG.LVR, VERSION | (directed ? DIRECTED_EOI : 0));
  }

  get cr8(): bigint {
    return BigInt((this.read(REG.TASKPRI) & 0xf0) >> 4);
  }

  set cr8(value: bigint) {
    this.write(REG.TASKPRI, Number(value & 0xfn) << 4);
    this.updatePpr();
  }

  /** kvm_lapic_set_base, after the vCPU has the new base. */
  baseChanged(changed: bigint, base: bigint): void {
    if ((changed & XAPIC_ENABLE) !== 0n && (base & XAPIC_ENABLE) !== 0n) {
      this.write(REG.ID, (this.state.index << 24) >>> 0);
    }
    if ((changed & X2APIC_ENABLE) !== 0n && (base & X2APIC_ENABLE) !== 0n) {
      this.write(REG.ID, this.state.index);
      this.write(REG.LDR, x2apicLdr(this.state.index));
    }
  }

  /** __apic_update_ppr: the higher of the task's priority and that of the interrupt in service. */
  private updatePpr(): void {
    const tpr = this.read(REG.TASKPRI);
    const isr = this.highestInService();
    this.write(REG.PROCPRI, (tpr & 0xf0) >= (isr & 0xf0) ? tpr & 0xff : isr & 0xf0);
  }

  private highestInService(): number {
    if (!this.inService) return 0;
    for (let word = 7; word >= 0; word -= 1) {
      const bits = this.read(REG.ISR + 0x10 * word);
      if (bits !== 0) return 32 * word + 31 - Math.clz32(bits);
    }
    return 0;
  }

  /** kvm_apic_get_state. In x2APIC mode the id stands in the bits that xAPIC has it in. */
  get(buffer: Buffer): number {
    this.regs.copy(buffer);
    buffer.writeUInt32LE(this.currentCount(), REG.TMCCT);
    if (this.x2apic) {
      buffer.writeUInt32LE((this.read(REG.ID) << 24) >>> 0, REG.ID);
    }
    return 0;
  }

  /** A timer that was set counts from its initial count; how far is time's business, and volatile. */
  private currentCount(): number {
    const TSC_DEADLINE = 2 << 17;
    return (this.read(REG.LVTT) & (3 << 17)) === TSC_DEADLINE ? 0 : this.read(REG.TMICT);
  }

  /** kvm_apic_set_state. */
  set(buffer: Buffer): number {
    buffer.copy(this.regs, 0, 0, SIZE.lapic);
    if (this.x2apic) {
      const id = buffer.readUInt32LE(REG.ID) >>> 24;
      this.write(REG.ID, id);
      this.write(REG.LDR, x2apicLdr(id));
    }
    this.setVersion();
    // By what was in service before: the kernel counts the new ISR only afterwards (kvm_apic_update_apicv).
    this.updatePpr();
    this.inService = Array.from({ length: 8 }, (_, word) => this.read(REG.ISR + 0x10 * word)).some(
      (bits) => bits !== 0,
    );
    this.write(REG.TMCCT, 0);
    return 0;
  }
}

/** kvm_apic_calc_x2apic_ldr: cluster and bit. */
const x2apicLdr = (id: number): number => (((id >>> 4) << 16) | (1 << (id & 0xf))) >>> 0;
