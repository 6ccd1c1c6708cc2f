// What a VM holds beside its memory and its vCPUs: the clock, and the in-kernel irqchip and PIT where there are.

import { KVM, SIZE } from '../kvm/abi.js';
import type { IoctlPort } from '../kvm/port.js';
import { partRefused } from './refusals.js';

export interface DeviceSnapshot {
  /** struct kvm_clock_data, 48 bytes. */
  readonly clock: Buffer;
  /** struct kvm_irqchip of PIC master, PIC slave and IOAPIC, 520 bytes each; none without an irqchip. */
  readonly irqchips: readonly Buffer[];
  /** struct kvm_pit_state2, 112 bytes. */
  readonly pit: Buffer | undefined;
}

export interface DeviceShape {
  readonly irqchip: boolean;
  readonly pit: boolean;
}

/** chip_id of struct kvm_irqchip: PIC master, PIC slave, IOAPIC. */
const CHIP_IDS = [0, 1, 2] as const;

/** Sizes in bytes that a device snapshot's parts must have. */
export const DEVICE_SIZES = { clock: SIZE.clock, irqchip: SIZE.irqchip, pit: SIZE.pit2 } as const;

function read(vm: IoctlPort, request: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  vm.ioctl(request, buffer);
  return buffer;
}

function readChip(vm: IoctlPort, id: number): Buffer {
  const chip = Buffer.alloc(SIZE.irqchip);
  chip.writeUInt32LE(id, 0);
  vm.ioctl(KVM.GET_IRQCHIP, chip);
  return chip;
}

/** Takes what the VM holds; every vCPU must be stopped. */
export function captureDevices(vm: IoctlPort, shape: DeviceShape): DeviceSnapshot {
  return {
    clock: read(vm, KVM.GET_CLOCK, SIZE.clock),
    irqchips: shape.irqchip ? CHIP_IDS.map((id) => readChip(vm, id)) : [],
    pit: shape.pit ? read(vm, KVM.GET_PIT2, SIZE.pit2) : undefined,
  };
}

/**
 * Gives the VM what another held. The clock goes on from where it was: flags 0, without the time that passed.
 * Throws KERNEL_REFUSED_STATE with the part.
 */
export function restoreDevices(vm: IoctlPort, shape: DeviceShape, snapshot: DeviceSnapshot): void {
  const give = (part: string, request: number, bytes: Buffer) => {
    try {
      vm.ioctl(request, bytes);
    } catch (error) {
      throw partRefused(part, `state.${part}`, error);
    }
  };
  const clock = Buffer.alloc(SIZE.clock);
  snapshot.clock.copy(clock, 0, 0, 8); // the time; flags and the pairs with real time and TSC stay 0
  give('clock', KVM.SET_CLOCK, clock);
  if (shape.irqchip) {
    snapshot.irqchips.forEach((chip, i) => {
      give(`irqchips[${i}]`, KVM.SET_IRQCHIP, Buffer.from(chip));
    });
  }
  if (shape.pit && snapshot.pit !== undefined) give('pit', KVM.SET_PIT2, Buffer.from(snapshot.pit));
}

/** In which way a snapshot is not of a VM of this shape; nothing where it is. */
export function deviceDifferences(shape: DeviceShape, { irqchips, pit }: DeviceSnapshot): string[] {
  const expected = shape.irqchip ? CHIP_IDS : [];
  const ids = irqchips.map((chip) => chip.readUInt32LE(0));
  const differs: string[] = [];
  if (ids.join() !== expected.join()) differs.push(`irqchips [${ids}], not [${expected}]`);
  if ((pit !== undefined) !== shape.pit) differs.push('a PIT on one side only');
  return differs;
}
