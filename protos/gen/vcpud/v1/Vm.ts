// Original file: protos/vcpud/v1/vm.proto

import type { MemoryRegion as _vcpud_v1_MemoryRegion, MemoryRegion__Output as _vcpud_v1_MemoryRegion__Output } from '../../vcpud/v1/MemoryRegion.js';
import type { VmRunState as _vcpud_v1_VmRunState, VmRunState__Output as _vcpud_v1_VmRunState__Output } from '../../vcpud/v1/VmRunState.js';
import type { VmStop as _vcpud_v1_VmStop, VmStop__Output as _vcpud_v1_VmStop__Output } from '../../vcpud/v1/VmStop.js';
import type { Driver as _vcpud_v1_Driver, Driver__Output as _vcpud_v1_Driver__Output } from '../../vcpud/v1/Driver.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { LinuxBoot as _vcpud_v1_LinuxBoot, LinuxBoot__Output as _vcpud_v1_LinuxBoot__Output } from '../../vcpud/v1/LinuxBoot.js';
import type { VmMigration as _vcpud_v1_VmMigration, VmMigration__Output as _vcpud_v1_VmMigration__Output } from '../../vcpud/v1/VmMigration.js';

/**
 * One VM.
 */
export interface Vm {
  /**
   * Output only: vms/{vm}.
   */
  'name'?: (string);
  /**
   * How many vCPUs, 1 to 288; 0 on input for 1.
   */
  'vcpuCount'?: (number);
  /**
   * Guest-physical memory. At least one region; regions don't overlap.
   */
  'memoryRegions'?: (_vcpud_v1_MemoryRegion)[];
  /**
   * Whether the VM has KVM's in-kernel irqchip (PICs, IOAPIC, a LAPIC each vCPU). With it vCPUs other than 0 wait for SIPI.
   */
  'irqchip'?: (boolean);
  /**
   * Whether the VM has KVM's in-kernel PIT; needs irqchip.
   */
  'pit'?: (boolean);
  /**
   * Output only: what the VM is doing.
   */
  'runState'?: (_vcpud_v1_VmRunState);
  /**
   * Output only: why it stopped by itself; set while run_state is VM_RUN_STATE_STOPPED.
   */
  'stop'?: (_vcpud_v1_VmStop | null);
  /**
   * Output only: what carries ioctls to its vCPUs.
   */
  'driver'?: (_vcpud_v1_Driver);
  /**
   * Output only: when it was created.
   */
  'createTime'?: (_google_protobuf_Timestamp | null);
  /**
   * Output only: when its run state or vCPU state was last changed by a call or by the guest's own end.
   */
  'updateTime'?: (_google_protobuf_Timestamp | null);
  /**
   * Whether the VM has a PC's serial port (a 16550A at I/O port 0x3F8, IRQ 4), real-time clock (read-only: the host's) and reset
   * line (ports 0x64 and 0xCF9); needs irqchip. Any other I/O port or address without a device then reads as all ones, as on a
   * PC, instead of stopping the VM.
   */
  'pc'?: (boolean);
  /**
   * What to boot: input of CreateVm, kept as it was given. Absent for a VM that begins at the reset vector or is given a state.
   */
  'linuxBoot'?: (_vcpud_v1_LinuxBoot | null);
  /**
   * Output only: the migration that the VM takes part in, or came here by; absent where there is none.
   */
  'migration'?: (_vcpud_v1_VmMigration | null);
  /**
   * Output only: whether it is kept which pages of its memory are written (StartDirtyTracking).
   */
  'dirtyTracking'?: (boolean);
}

/**
 * One VM.
 */
export interface Vm__Output {
  /**
   * Output only: vms/{vm}.
   */
  'name': (string);
  /**
   * How many vCPUs, 1 to 288; 0 on input for 1.
   */
  'vcpuCount': (number);
  /**
   * Guest-physical memory. At least one region; regions don't overlap.
   */
  'memoryRegions': (_vcpud_v1_MemoryRegion__Output)[];
  /**
   * Whether the VM has KVM's in-kernel irqchip (PICs, IOAPIC, a LAPIC each vCPU). With it vCPUs other than 0 wait for SIPI.
   */
  'irqchip': (boolean);
  /**
   * Whether the VM has KVM's in-kernel PIT; needs irqchip.
   */
  'pit': (boolean);
  /**
   * Output only: what the VM is doing.
   */
  'runState': (_vcpud_v1_VmRunState__Output);
  /**
   * Output only: why it stopped by itself; set while run_state is VM_RUN_STATE_STOPPED.
   */
  'stop': (_vcpud_v1_VmStop__Output | null);
  /**
   * Output only: what carries ioctls to its vCPUs.
   */
  'driver': (_vcpud_v1_Driver__Output);
  /**
   * Output only: when it was created.
   */
  'createTime': (_google_protobuf_Timestamp__Output | null);
  /**
   * Output only: when its run state or vCPU state was last changed by a call or by the guest's own end.
   */
  'updateTime': (_google_protobuf_Timestamp__Output | null);
  /**
   * Whether the VM has a PC's serial port (a 16550A at I/O port 0x3F8, IRQ 4), real-time clock (read-only: the host's) and reset
   * line (ports 0x64 and 0xCF9); needs irqchip. Any other I/O port or address without a device then reads as all ones, as on a
   * PC, instead of stopping the VM.
   */
  'pc': (boolean);
  /**
   * What to boot: input of CreateVm, kept as it was given. Absent for a VM that begins at the reset vector or is given a state.
   */
  'linuxBoot': (_vcpud_v1_LinuxBoot__Output | null);
  /**
   * Output only: the migration that the VM takes part in, or came here by; absent where there is none.
   */
  'migration': (_vcpud_v1_VmMigration__Output | null);
  /**
   * Output only: whether it is kept which pages of its memory are written (StartDirtyTracking).
   */
  'dirtyTracking': (boolean);
}
