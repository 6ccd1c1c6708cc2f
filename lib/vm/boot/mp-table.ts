// The MP table by which an operating system without ACPI learns of its CPUs and of the IOAPIC. Source: Intel's
// MultiProcessor Specification 1.4, chapter 4.

/** In the last KiB of base memory, one of the places where it is looked for (4.1). */
export const MP_TABLE_GPA = 0x9fc00n;
export const MP_TABLE_BYTES = 1024;

const FLOATING_BYTES = 16;
const HEADER_BYTES = 44;
const CPU_BYTES = 20;
const ENTRY_BYTES = 8;
const ISA_IRQS = 16;
const VERSION_1_4 = 4;
const APIC_VERSION = 0x14;
const LAPIC_GPA = 0xfee00000;
const IOAPIC_GPA = 0xfec00000;
const ISA_BUS = 0;
const ENTRY = { cpu: 0, bus: 1, ioapic: 2, ioInterrupt: 3, localInterrupt: 4 } as const;
const INTERRUPT = { vectored: 0, nmi: 1, extInt: 3 } as const;
const EVERY_LAPIC = 0xff;
const CPU_ENABLED = 1;
const CPU_BOOT = 2;

const OTHER_ENTRIES = 1 + 1 + ISA_IRQS + 2;

/** How many CPUs a table of MP_TABLE_BYTES can name. */
export const MOST_MP_CPUS = Math.floor(
  (MP_TABLE_BYTES - FLOATING_BYTES - HEADER_BYTES - OTHER_ENTRIES * ENTRY_BYTES) / CPU_BYTES,
);

function checksum(bytes: Buffer): number {
  return (256 - (bytes.reduce((sum, byte) => sum + byte, 0) & 0xff)) & 0xff;
}

/** The floating pointer and the table behind it, for CPUs with APIC ids from 0. */
export function mpTable(cpus: number): Buffer {
  const ioapicId = cpus;
  const entries: Buffer[] = [];
  for (let id = 0; id < cpus; id += 1) {
    const entry = Buffer.alloc(CPU_BYTES);
    entry.set([ENTRY.cpu, id, APIC_VERSION, CPU_ENABLED | (id === 0 ? CPU_BOOT : 0)]);
    entries.push(entry);
  }
  entries.push(Buffer.concat([Buffer.from([ENTRY.bus, ISA_BUS]), Buffer.from('ISA   ', 'latin1')]));
  const ioapic = Buffer.from([ENTRY.ioapic, ioapicId, APIC_VERSION, 1, 0, 0, 0, 0]);
  ioapic.writeUInt32LE(IOAPIC_GPA, 4);
  entries.push(ioapic);
  // KVM's default routing: ISA IRQ n is the IOAPIC's pin n (kvm/irqchip, default_routing).
  for (let irq = 0; irq < ISA_IRQS; irq += 1) {
    entries.push(Buffer.from([ENTRY.ioInterrupt, INTERRUPT.vectored, 0, 0, ISA_BUS, irq, ioapicId, irq]));
  }
  entries.push(Buffer.from([ENTRY.localInterrupt, INTERRUPT.extInt, 0, 0, ISA_BUS, 0, 0, 0]));
  entries.push(Buffer.from([ENTRY.localInterrupt, INTERRUPT.nmi, 0, 0, ISA_BUS, 0, EVERY_LAPIC, 1]));

  const header = Buffer.alloc(HEADER_BYTES);
  const body = Buffer.concat(entries);
  header.write('PCMP', 0, 'latin1');
  header.writeUInt16LE(HEADER_BYTES + body.length, 4);
  header.writeUInt8(VERSION_1_4, 6);
  header.write('VCPUD   ', 8, 'latin1');
  header.write('KVM         ', 16, 'latin1');
  header.writeUInt16LE(entries.length, 34);
  header.writeUInt32LE(LAPIC_GPA, 36);
  header.writeUInt8(checksum(Buffer.concat([header, body])), 7);

  const floating = Buffer.alloc(FLOATING_BYTES);
  floating.write('_MP_', 0, 'latin1');
  floating.writeUInt32LE(Number(MP_TABLE_GPA) + FLOATING_BYTES, 4);
  floating.set([FLOATING_BYTES / 16, VERSION_1_4], 8);
  floating.writeUInt8(checksum(floating), 10);
  return Buffer.concat([floating, header, body]);
}
