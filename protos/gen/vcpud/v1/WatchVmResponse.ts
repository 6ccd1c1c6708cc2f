// Original file: protos/vcpud/v1/vm.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { Vm as _vcpud_v1_Vm, Vm__Output as _vcpud_v1_Vm__Output } from '../../vcpud/v1/Vm.js';
import type { ConsoleOutput as _vcpud_v1_ConsoleOutput, ConsoleOutput__Output as _vcpud_v1_ConsoleOutput__Output } from '../../vcpud/v1/ConsoleOutput.js';
import type { VcpuExit as _vcpud_v1_VcpuExit, VcpuExit__Output as _vcpud_v1_VcpuExit__Output } from '../../vcpud/v1/VcpuExit.js';
import type { VmDeleted as _vcpud_v1_VmDeleted, VmDeleted__Output as _vcpud_v1_VmDeleted__Output } from '../../vcpud/v1/VmDeleted.js';

/**
 * One thing that happened to a VM.
 */
export interface WatchVmResponse {
  /**
   * When vcpud saw it.
   */
  'eventTime'?: (_google_protobuf_Timestamp | null);
  /**
   * The VM as it is now: first of all, and at each change of its run state.
   */
  'vm'?: (_vcpud_v1_Vm | null);
  /**
   * What the guest wrote to the debug console or to the serial port.
   */
  'console'?: (_vcpud_v1_ConsoleOutput | null);
  /**
   * An exit that matters but does not stop the VM: a vCPU halted.
   */
  'exit'?: (_vcpud_v1_VcpuExit | null);
  /**
   * The VM is gone; the stream ends.
   */
  'deleted'?: (_vcpud_v1_VmDeleted | null);
  /**
   * What happened.
   */
  'event'?: "vm"|"console"|"exit"|"deleted";
}

/**
 * One thing that happened to a VM.
 */
export interface WatchVmResponse__Output {
  /**
   * When vcpud saw it.
   */
  'eventTime': (_google_protobuf_Timestamp__Output | null);
  /**
   * The VM as it is now: first of all, and at each change of its run state.
   */
  'vm'?: (_vcpud_v1_Vm__Output | null);
  /**
   * What the guest wrote to the debug console or to the serial port.
   */
  'console'?: (_vcpud_v1_ConsoleOutput__Output | null);
  /**
   * An exit that matters but does not stop the VM: a vCPU halted.
   */
  'exit'?: (_vcpud_v1_VcpuExit__Output | null);
  /**
   * The VM is gone; the stream ends.
   */
  'deleted'?: (_vcpud_v1_VmDeleted__Output | null);
  /**
   * What happened.
   */
  'event'?: "vm"|"console"|"exit"|"deleted";
}
