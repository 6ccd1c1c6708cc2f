// Guests of a few bytes of real-mode code at the reset vector: for tests of the run loop that need no L1.

import type { VcpudClient } from '../../lib/api/client.js';

/** A ROM below 4 GiB whose last 16 bytes are the reset vector. */
const ROM = { gpa: 0xffff_f000, sizeBytes: 0x1000 } as const;
const RESET_VECTOR = 0xffff_fff0;
export const TINY_RAM_BYTES = 0x10_0000;

export const TINY_CODE = {
  /** HLT. */
  halt: [0xf4],
  /** again: JMP again. */
  spin: [0xeb, 0xfe],
  /** MOV AL, 10; again: OUT 0xE9, AL; JMP again: a console line for each exit, without end. */
  flood: [0xb0, 0x0a, 0xe6, 0xe9, 0xeb, 0xfc],
  /** MOV AL, 10; again: OUT 0xE9, AL; MOV ECX, 0x200000; LOOP itself; JMP again: a line now and then, without end. */
  tick: [0xb0, 0x0a, 0xe6, 0xe9, 0x66, 0xb9, 0x00, 0x00, 0x20, 0x00, 0x67, 0xe2, 0xfd, 0xeb, 0xf3],
  /** again: INC BYTE [0x8000]; CMP BYTE [0x8001], 0; JZ again; HLT: counts until it is told to halt. */
  countUntilTold: [0xfe, 0x06, 0x00, 0x80, 0x80, 0x3e, 0x01, 0x80, 0x00, 0x74, 0xf5, 0xf4],
  /** IN AL, 0xE9; OUT 0xE9, AL; HLT: asks whether the console is there, and prints the answer. */
  echo: [0xe4, 0xe9, 0xe6, 0xe9, 0xf4],
  /** IN AX, 0x60; HLT. */
  readKeyboard: [0xe5, 0x60, 0xf4],
  /** INC AX; CPUID; SHR EBX, 24; JZ itself; HLT: vCPU 0 spins, the others halt. */
  firstSpins: [0x40, 0x0f, 0xa2, 0x66, 0xc1, 0xeb, 0x18, 0x74, 0xfe, 0xf4],
  /** INC AX; CPUID; SHR EBX, 24; JZ itself; OUT 0x60, AL: vCPU 0 spins, the others do what vcpud does not serve. */
  othersStop: [0x40, 0x0f, 0xa2, 0x66, 0xc1, 0xeb, 0x18, 0x74, 0xfe, 0xe6, 0x60],
  /**
   * STI; again: ADD AX, 0x100; MOV DS, AX; INC WORD [0]; JMP again: writes into each page of its MiB, round and round.
   * Nothing interrupts it: a host in Bochs gets no interrupt while a guest has them off and doesn't exit.
   */
  writePages: [0xfb, 0x05, 0x00, 0x01, 0x8e, 0xd8, 0xff, 0x06, 0x00, 0x00, 0xeb, 0xf5],
} as const;

export interface TinyShape {
  readonly vcpuCount: number;
  readonly irqchip: boolean;
}

/** Creates a VM that runs the code on each of its vCPUs, paused at the reset vector. */
export async function createTiny(
  client: VcpudClient,
  vmId: string,
  code: keyof typeof TINY_CODE,
  { vcpuCount, irqchip }: TinyShape,
): Promise<void> {
  const memoryRegions = [{ gpa: 0, sizeBytes: TINY_RAM_BYTES }, ROM];
  await client.vm.CreateVm({ vmId, vm: { vcpuCount, memoryRegions, irqchip } });
  await client.writeMemory([{ name: `vms/${vmId}`, gpa: RESET_VECTOR, data: Buffer.from(TINY_CODE[code]) }]);
}
