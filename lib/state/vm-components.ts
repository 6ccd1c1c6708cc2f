// What a VM holds beside its memory and its vCPUs: the clock, and the in-kernel irqchip and PIT where there are.

import { KVM, SIZE } from '../kvm/abi.js';
import type { Ioctl, SeriesPort } from '../kvm/port.js';
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

/** Takes what the VM holds; every vCPU must be stopped. */
export function captureDevices(vm: SeriesPort, shape: DeviceShape): DeviceSnapshot {
  const clock = Buffer.alloc(SIZE.clock);
  const irqchips = (shape.irqchip ? CHIP_IDS : []).map((id) => {
    const chip = Buffer.alloc(SIZE.irqchip);
    chip.writeUInt32LE(id, 0);
    return chip;
  });
  const pit = shape.pit ? Buffer.alloc(SIZE.pit2) : undefined;
  const calls: Ioctl[] = [
    { request: KVM.GET_CLOCK, argument: clock },
    ...irqchips.map((argument) => ({ request: KVM.GET_IRQCHIP, argument })),
    ...(pit === undefined ? [] : [{ request: KVM.GET_PIT2, argument: pit }]),
  ];
  const { failure } = vm.ioctls(calls);
  if (failure !== undefined) throw failure;
  return { clock, irqchips, pit };
}

/**
 * Gives the VM what another held. The clock goes on from where it was: flags 0, without the time that passed.
 * Throws KERNEL_REFUSED_STATE with the part.
 */
export function restoreDevices(vm: SeriesPort, shape: DeviceShape, snapshot: DeviceSnapshot): void {
  const clock = Buffer.alloc(SIZE.clock);
  snapshot.clock.copy(clock, 0, 0, 8); // the time; flags and the pairs with real time and TSC stay 0
  const given: Array<readonly [part: string, request: number, bytes: Buffer]> = [
    ['clock', KVM.SET_CLOCK, clock],
  ];
  if (shape.irqchip)
    given.push(...snapshot.irqchips.map((chip, i) => [`irqchips[${i}]`, KVM.SET_IRQCHIP, chip] as const));
  if (shape.pit && snapshot.pit !== undefined) given.push(['pit', KVM.SET_PIT2, snapshot.pit]);
  const { answers, failure } = vm.ioctls(given.map(([, request, argument]) => ({ request, argument })));
  const [part] = given[answers.length] ?? [];
  if (failure !== undefined && part !== undefined) throw partRefused(part, `state.${part}`, failure);
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
