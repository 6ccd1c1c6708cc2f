// Captures what the model offers from the KVM at hand, and writes it to standard output as lib/kvm/model/…-host.ts:
//
//   npm run --silent testbed -- --cpu amd -- node dist/test/model/capture-host.js > lib/kvm/model/amd-host.ts
//   npx biome format --write lib/kvm/model/amd-host.ts

import { CPUID_ENTRY, KVM, SIZE } from '../../lib/kvm/abi.js';
import { setCpuid } from '../../lib/kvm/cpuid.js';
import { getMsrIndices, msrRows, readMsr, readMsrs } from '../../lib/kvm/msrs.js';
import { NATIVE_DRIVER } from '../../lib/kvm/native/native-driver.js';
import { checkExtension, type SystemPort, type VcpuPort } from '../../lib/kvm/port.js';
import { KernelError } from '../../lib/os/kernel-error.js';
import { probeHost } from '../../lib/vm/host.js';
import { probeRules } from '../../lib/vm/host-rules.js';

/** No capability has a number as high. */
const CAPABILITIES = 300;
const U64 = 0xffff_ffff_ffff_ffffn;

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
const big = (value: bigint): string => `${hex(value)}n`;
const masks = (record: object): string =>
  `{ ${Object.entries(record)
    .map(([name, mask]) => `${name}: ${big(mask)}`)
    .join(', ')} }`;
const lines = (rows: readonly string[]): string => rows.map((row) => `    ${row},\n`).join('');

function capabilities(kvm: SystemPort): Array<readonly [number, number]> {
  const vm = kvm.createVm();
  const rows = Array.from({ length: CAPABILITIES }, (_, i) => [i, checkExtension(vm, i)] as const);
  vm.close();
  return rows.filter(([, value]) => value !== 0);
}

function writeMsr(vcpu: VcpuPort, index: number, value: bigint): boolean {
  const table = Buffer.alloc(SIZE.msrsHeader + SIZE.msrEntry);
  table.writeUInt32LE(1, 0);
  table.writeUInt32LE(index, SIZE.msrsHeader);
  table.writeBigUInt64LE(value, SIZE.msrsHeader + 8);
  try {
    return vcpu.ioctl(KVM.SET_MSRS, table) === 1;
  } catch (error) {
    if (error instanceof KernelError) return false;
    throw error;
  }
}

/** An MSR's row: its value, the bits that a write may have, and those that then read back. */
function msrRow(vcpu: VcpuPort, index: number): string {
  const initial = readMsr(vcpu, index) ?? 0n;
  let accepts = 0n;
  let keeps = 0n;
  for (let bit = 1n; bit <= U64; bit <<= 1n) {
    if (!writeMsr(vcpu, index, bit)) continue;
    accepts |= bit;
    keeps |= (readMsr(vcpu, index) ?? 0n) & bit;
  }
  writeMsr(vcpu, index, initial);
  return `[${hex(index)}, ${big(initial)}, ${big(accepts)}, ${big(keeps)}]`;
}

const { kvm, profile } = probeHost(NATIVE_DRIVER);
const rules = probeRules(kvm, profile);
const listed = getMsrIndices(kvm, KVM.GET_MSR_INDEX_LIST);
const features = getMsrIndices(kvm, KVM.GET_MSR_FEATURE_INDEX_LIST);
const vm = kvm.createVm();
const vcpu = vm.createVcpu(0);
setCpuid(vcpu, profile.supportedCpuid);
const unreadable = new Set(readMsrs(vcpu, listed).unreadable);
const xsave = Buffer.alloc(Math.max(profile.capabilities.get('XSAVE2') ?? 0, SIZE.xsave));
vcpu.ioctl(profile.capabilities.get('XSAVE2') === 0 ? KVM.GET_XSAVE : KVM.GET_XSAVE2, xsave);
const cpuidRows = Array.from({ length: profile.supportedCpuid.length / SIZE.cpuidEntry }, (_, i) => {
  const { function: leaf, index, flags, eax, ebx, ecx, edx } = CPUID_ENTRY;
  const places = [leaf, index, flags, eax, ebx, ecx, edx];
  return places.map((offset) => profile.supportedCpuid.readUInt32LE(SIZE.cpuidEntry * i + offset));
});
const xcr0 = cpuidRows.find(([leaf, index]) => leaf === 0xd && index === 0);

const vendor = profile.vendor === 'INTEL' ? 'vmx' : 'svm';
const name = profile.vendor === 'INTEL' ? 'INTEL_HOST' : 'AMD_HOST';
process.stdout.write(`// The modelled ${profile.vendor} host: data, captured from the testbed's by test/model/capture-host.ts.

import type { ModelHost } from './model-host.js';
import { ${vendor}Model } from './${vendor}.js';

const KERNEL = {
  format: '${rules.format}',
  enforced: new Set([
${lines([...rules.enforced].sort().map((reason) => `'${reason}'`))}  ]),
  reserved: ${masks(rules.reserved ?? {})},
  refused: ${masks(rules.refused ?? {})},
} as const;

const FEATURE_MSRS: ReadonlyMap<number, bigint> = new Map([
${lines(msrRows(readMsrs(kvm, features).entries).map(({ index, value }) => `[${hex(index)}, ${big(value)}]`))}]);

export const ${name}: ModelHost = {
  kernelRelease: '${profile.kernelRelease}',
  cpuModel: '${profile.cpuModel}',
  kernel: KERNEL,
  capabilities: new Map([
${lines(capabilities(kvm).map(([number, value]) => `[${number}, ${value}]`))}  ]),
  supportedCpuid: [
${lines(cpuidRows.map((row) => `[${row.map(hex).join(', ')}]`))}  ],
  msrIndices: [
${lines(listed.map(hex))}  ],
  featureMsrs: FEATURE_MSRS,
  msrs: [
${lines(listed.filter((index) => !unreadable.has(index)).map((index) => msrRow(vcpu, index)))}  ],
  tscKhz: ${vcpu.ioctl(KVM.GET_TSC_KHZ, 0)},
  xcr0: ${big((BigInt(xcr0?.[6] ?? 0) << 32n) | BigInt(xcr0?.[3] ?? 1))},
  hostXcr0: ${big(xsave.readBigUInt64LE(464))},
  mxcsrMask: ${hex(xsave.readUInt32LE(28))},
  vendorModel: ${vendor}Model(${vendor === 'vmx' ? 'KERNEL, FEATURE_MSRS' : 'KERNEL'}),
};
`);
for (const port of [vcpu, vm, kvm]) port.close();
