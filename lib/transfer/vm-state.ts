// A VM's snapshot as the API's VmState message, and back.

import type { PcState, PcState__Output } from '../../protos/gen/vcpud/v1/PcState.js';
import type { VmState, VmState__Output } from '../../protos/gen/vcpud/v1/VmState.js';
import { vcpuSnapshot, vcpuState } from '../api/vcpu-state.js';
import { VcpudError } from '../errors/vcpud-error.js';
import { DEVICE_SIZES } from '../state/vm-components.js';
import type { PcSnapshot } from '../vm/pc/pc-devices.js';
import { RECEIVE_BYTES } from '../vm/pc/shared-state.js';
import type { VmSnapshot } from '../vm/vm.js';

export function vmState({ vcpus, devices, pc }: VmSnapshot): VmState {
  return {
    vcpus: vcpus.map(vcpuState),
    clock: devices.clock,
    irqchips: [...devices.irqchips],
    pit: devices.pit ?? Buffer.alloc(0),
    pc: pc === undefined ? null : pcState(pc),
  };
}

function requireSize(field: string, bytes: Buffer, expected: number): void {
  if (bytes.length === expected) return;
  throw VcpudError.of('STATE_SIZE_WRONG', `${field} must be ${expected} bytes, not ${bytes.length}`, {
    field,
    metadata: { expected: `${expected} bytes`, given: `${bytes.length} bytes` },
  });
}

/** What a VmState message holds. Throws STATE_SIZE_WRONG, FIELD_REQUIRED. */
export function vmSnapshot(state: VmState__Output): VmSnapshot {
  requireSize('state.clock', state.clock, DEVICE_SIZES.clock);
  state.irqchips.forEach((chip, i) => {
    requireSize(`state.irqchips[${i}]`, chip, DEVICE_SIZES.irqchip);
  });
  if (state.pit.length > 0) requireSize('state.pit', state.pit, DEVICE_SIZES.pit);
  return {
    vcpus: state.vcpus.map(vcpuSnapshot),
    devices: {
      clock: state.clock,
      irqchips: state.irqchips,
      pit: state.pit.length > 0 ? state.pit : undefined,
    },
    pc: state.pc === null ? undefined : pcSnapshot(state.pc),
  };
}

const pcState = ({ cmosIndex, ...serial }: PcSnapshot): PcState => ({ cmosIndex, serial });

/** Throws FIELD_REQUIRED and STATE_SIZE_WRONG for what no serial port can hold. */
function pcSnapshot({ cmosIndex, serial }: PcState__Output): PcSnapshot {
  if (serial === null)
    throw VcpudError.of('FIELD_REQUIRED', 'state.pc.serial is required', { field: 'state.pc.serial' });
  if (serial.received.length > RECEIVE_BYTES) {
    throw VcpudError.of('STATE_SIZE_WRONG', `a serial port holds at most ${RECEIVE_BYTES} bytes`, {
      field: 'state.pc.serial.received',
      metadata: { expected: `${RECEIVE_BYTES} bytes`, given: `${serial.received.length} bytes` },
    });
  }
  const { received, thrEmptyPending, irqLevel } = serial;
  const byte = (value: number) => value & 0xff;
  return {
    cmosIndex: byte(cmosIndex),
    ier: byte(serial.ier),
    lcr: byte(serial.lcr),
    mcr: byte(serial.mcr),
    scr: byte(serial.scr),
    fcr: byte(serial.fcr),
    divisor: serial.divisor & 0xffff,
    thrEmptyPending,
    irqLevel,
    received,
  };
}
