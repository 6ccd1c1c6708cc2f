// What the parts of a vCPU's state say, for people. Offsets are those of the kernel's structures
// (arch/x86/include/uapi/asm/kvm.h); those that lib/kvm/abi.ts has come from there.

import { EVENTS_LAYOUT, MP_STATE, SIZE, SREGS_LAYOUT } from '../../lib/kvm/abi.js';
import { describeNestedState } from '../../lib/nested/describe.js';
import type { VcpuState__Output } from '../../protos/gen/vcpud/v1/VcpuState.js';
import { inL2, nestedSummary } from './nested-view.js';
import { type Detail, hex, size } from './output.js';

/** struct kvm_regs: byte offsets of what is shown. */
const REGS = { rsp: 48, rip: 128, rflags: 136 } as const;

/** struct kvm_sregs begins with CS, a struct kvm_segment: byte offsets of its D (or B) and L bits. */
const CS = { db: 17, l: 19 } as const;

/** struct kvm_vcpu_events: byte offsets of what lib/kvm/abi.ts has no need of. */
const EVENTS = {
  exceptionHasErrorCode: 2,
  exceptionErrorCode: 4, // u32
  interruptInjected: 8,
  interruptNr: 9,
  nmiInjected: 12,
  nmiPending: 13,
  nmiMasked: 14,
} as const;

type BitNames = Readonly<Record<string, number>>;

const RFLAGS: BitNames = {
  CF: 0,
  PF: 2,
  AF: 4,
  ZF: 6,
  SF: 7,
  TF: 8,
  IF: 9,
  DF: 10,
  OF: 11,
  NT: 14,
  RF: 16,
  VM: 17,
  AC: 18,
  VIF: 19,
  VIP: 20,
  ID: 21,
};
const CR0: BitNames = { PE: 0, MP: 1, EM: 2, TS: 3, ET: 4, NE: 5, WP: 16, AM: 18, NW: 29, CD: 30, PG: 31 };
const CR4: BitNames = {
  VME: 0,
  PVI: 1,
  TSD: 2,
  DE: 3,
  PSE: 4,
  PAE: 5,
  MCE: 6,
  PGE: 7,
  PCE: 8,
  OSFXSR: 9,
  OSXMMEXCPT: 10,
  UMIP: 11,
  LA57: 12,
  VMXE: 13,
  SMXE: 14,
  FSGSBASE: 16,
  PCIDE: 17,
  OSXSAVE: 18,
  SMEP: 20,
  SMAP: 21,
  PKE: 22,
  CET: 23,
  PKS: 24,
};
const EFER: BitNames = {
  SCE: 0,
  LME: 8,
  LMA: 10,
  NXE: 11,
  SVME: 12,
  LMSLE: 13,
  FFXSR: 14,
  TCE: 15,
  AIBRSE: 21,
};

const EXCEPTIONS = [
  ...[
    '#DE',
    '#DB',
    'NMI',
    '#BP',
    '#OF',
    '#BR',
    '#UD',
    '#NM',
    '#DF',
    '',
    '#TS',
    '#NP',
    '#SS',
    '#GP',
    '#PF',
    '',
  ],
  ...['#MF', '#AC', '#MC', '#XM', '#VE', '#CP'],
];

const MP_STATE_NAMES = new Map<number, string>(
  Object.entries(MP_STATE).map(([name, value]) => [value, name]),
);

function has(value: bigint, bits: BitNames, name: string): boolean {
  return ((value >> BigInt(bits[name] ?? 64)) & 1n) !== 0n;
}

/** "0x80010033 (PE MP ET NE WP PG)". */
function bitsText(value: bigint, bits: BitNames): string {
  const names = Object.keys(bits).filter((name) => has(value, bits, name));
  return names.length === 0 ? hex(value) : `${hex(value)} (${names.join(' ')})`;
}

export interface ControlRegisters {
  readonly cr0: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
  /** CS.L and CS.D. */
  readonly csL: boolean;
  readonly csD: boolean;
}

/** What the CPU makes of code and addresses: APM volume 2, 1.3 and 5.1. */
export function modeText(
  { cr0, cr4, efer, csL, csD }: Omit<ControlRegisters, 'cr3'>,
  rflags: bigint,
): string {
  const width = csD ? '32-bit' : '16-bit';
  const long = has(efer, EFER, 'LMA');
  let mode = `protected mode, ${width} code`;
  if (!has(cr0, CR0, 'PE')) mode = 'real mode';
  else if (long) mode = csL ? '64-bit mode' : `compatibility mode, ${width} code`;
  else if (has(rflags, RFLAGS, 'VM')) mode = 'virtual-8086 mode';
  let paging = '32-bit paging';
  if (!has(cr0, CR0, 'PG')) paging = 'no paging';
  else if (long) paging = has(cr4, CR4, 'LA57') ? '5-level paging' : '4-level paging';
  else if (has(cr4, CR4, 'PAE')) paging = 'PAE paging';
  return `${mode}, ${paging}`;
}

function exceptionText(events: Buffer): string {
  const injected = events.readUInt8(EVENTS_LAYOUT.exceptionInjected) !== 0;
  const pending = events.readUInt8(EVENTS_LAYOUT.exceptionPending) !== 0;
  if (!injected && !pending) return 'none';
  const vector = events.readUInt8(EVENTS_LAYOUT.exceptionNr);
  const name = EXCEPTIONS[vector] ?? '';
  const errorCode =
    events.readUInt8(EVENTS.exceptionHasErrorCode) === 0
      ? ''
      : `, error code ${hex(events.readUInt32LE(EVENTS.exceptionErrorCode))}`;
  return `${name === '' ? '' : `${name} `}(${vector}), ${injected ? 'injected' : 'pending'}${errorCode}`;
}

function interruptText(events: Buffer): string {
  if (events.readUInt8(EVENTS.interruptInjected) === 0) return 'none';
  return `vector ${hex(events.readUInt8(EVENTS.interruptNr))}, injected`;
}

function nmiText(events: Buffer): string {
  const words = [];
  if (events.readUInt8(EVENTS.nmiInjected) !== 0) words.push('injected');
  if (events.readUInt8(EVENTS.nmiPending) !== 0) words.push('pending');
  if (events.readUInt8(EVENTS.nmiMasked) !== 0) words.push('masked');
  return words.length === 0 ? 'none' : words.join(', ');
}

/** What `get-state` shows of one vCPU. */
export function vcpuDetails(state: VcpuState__Output): Detail[] {
  const { regs, events, nestedState } = state;
  const sregs = state.sregs2.length > 0 ? state.sregs2 : state.sregs;
  const control: ControlRegisters = {
    cr0: sregs.readBigUInt64LE(SREGS_LAYOUT.cr0),
    cr3: sregs.readBigUInt64LE(SREGS_LAYOUT.cr3),
    cr4: sregs.readBigUInt64LE(SREGS_LAYOUT.cr4),
    efer: sregs.readBigUInt64LE(SREGS_LAYOUT.efer),
    csL: sregs.readUInt8(CS.l) !== 0,
    csD: sregs.readUInt8(CS.db) !== 0,
  };
  const rflags = regs.readBigUInt64LE(REGS.rflags);
  const level = nestedState !== null && inL2(describeNestedState(nestedState.data));
  const rows: Detail[] = [
    ['in L2', level ? 'yes: the registers are those of L2' : 'no'],
    [
      'nested state',
      nestedState === null ? 'none: KVM of this host has no nesting' : nestedSummary(nestedState.data),
    ],
    ['mode', modeText(control, rflags)],
    ['RIP', hex(regs.readBigUInt64LE(REGS.rip))],
    ['RSP', hex(regs.readBigUInt64LE(REGS.rsp))],
    ['RFLAGS', bitsText(rflags, RFLAGS)],
    ['CR0', bitsText(control.cr0, CR0)],
    ['CR3', hex(control.cr3)],
    ['CR4', bitsText(control.cr4, CR4)],
    ['EFER', bitsText(control.efer, EFER)],
    ['exception', exceptionText(events)],
    ['interrupt', interruptText(events)],
    ['NMI', nmiText(events)],
    ['in SMM', events.readUInt8(EVENTS_LAYOUT.smm) === 0 ? 'no' : 'yes'],
    ['MP state', MP_STATE_NAMES.get(state.mpState) ?? String(state.mpState)],
    ['MSRs', String(state.msrs.length / SIZE.msrEntry)],
    ['CPUID entries', String(state.cpuid.length / SIZE.cpuidEntry)],
    ['TSC', state.tscKhz === 0 ? 'frequency not known' : `${state.tscKhz} kHz`],
    ['LAPIC', state.lapic.length === 0 ? 'none in the kernel' : size(state.lapic.length)],
    ['XSAVE', size(state.xsave.length)],
  ];
  return rows;
}
