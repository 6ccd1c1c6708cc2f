// An interrupt line of the in-kernel irqchip, as a device that is served outside of the kernel sets it: by
// KVM_IRQ_LINE, from whichever thread serves the access.

import { KVM } from '../../kvm/abi.js';

/** Sets a line's level by an ioctl of the VM. */
export function irqLine(
  irq: number,
  ioctl: (request: number, buffer: Uint8Array) => unknown,
): (level: 0 | 1) => void {
  const line = Buffer.alloc(8); // struct kvm_irq_level: irq u32, level u32
  line.writeUInt32LE(irq, 0);
  return (level) => {
    line.writeUInt32LE(level, 4);
    ioctl(KVM.IRQ_LINE, line);
  };
}
