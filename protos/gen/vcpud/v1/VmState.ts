// Original file: protos/vcpud/v1/vm.proto

import type { VcpuState as _vcpud_v1_VcpuState, VcpuState__Output as _vcpud_v1_VcpuState__Output } from '../../vcpud/v1/VcpuState.js';
import type { PcState as _vcpud_v1_PcState, PcState__Output as _vcpud_v1_PcState__Output } from '../../vcpud/v1/PcState.js';

/**
 * Everything that a VM holds beside its memory.
 */
export interface VmState {
  /**
   * Every vCPU's state, by index, from one stop.
   */
  'vcpus'?: (_vcpud_v1_VcpuState)[];
  /**
   * KVM_GET_CLOCK, 48 bytes.
   */
  'clock'?: (Buffer | Uint8Array | string);
  /**
   * KVM_GET_IRQCHIP of the first PIC, the second, and the IOAPIC, 520 bytes each; empty without irqchip.
   */
  'irqchips'?: (Buffer | Uint8Array | string)[];
  /**
   * KVM_GET_PIT2, 112 bytes; empty without pit.
   */
  'pit'?: (Buffer | Uint8Array | string);
  /**
   * What the PC devices hold; absent without pc.
   */
  'pc'?: (_vcpud_v1_PcState | null);
}

/**
 * Everything that a VM holds beside its memory.
 */
export interface VmState__Output {
  /**
   * Every vCPU's state, by index, from one stop.
   */
  'vcpus': (_vcpud_v1_VcpuState__Output)[];
  /**
   * KVM_GET_CLOCK, 48 bytes.
   */
  'clock': (Buffer);
  /**
   * KVM_GET_IRQCHIP of the first PIC, the second, and the IOAPIC, 520 bytes each; empty without irqchip.
   */
  'irqchips': (Buffer)[];
  /**
   * KVM_GET_PIT2, 112 bytes; empty without pit.
   */
  'pit': (Buffer);
  /**
   * What the PC devices hold; absent without pc.
   */
  'pc': (_vcpud_v1_PcState__Output | null);
}
