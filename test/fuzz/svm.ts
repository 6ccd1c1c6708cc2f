// The fuzz's tables for AMD.

import type { RuleReason } from '../../lib/nested/rules.js';
import type { FuzzVendor } from './vendor.js';

const LONG_MODE = 0x1500n; // SVME LMA LME
const PAGED = 0x8001_0033n; // PG WP NE ET MP PE

export const SVM_FUZZ: FuzzVendor = {
  format: 'SVM',
  kind: 'svm',
  constructed: [],
  memory: [],
  unequal: [],
  registers: [
    // SVME clear, in and out of long mode; bits that KVM_SET_SREGS does not look at.
    { efer: [0x500n, 0x1501n, 0x1d01n, 0x0n, 0x1000n, 0x3500n, 0x5500n, 0x1502n, 0x20_1500n] },
    { efer: [0x500n, 0x1000n], cr0: [0x11n, 0x6000_0010n] },
    {
      efer: [0x1000n, 0x0n],
      cr0: [0x11n, 0x10n, 0x6000_0011n],
      cr3: [1n << 40n, 1n << 52n, 1n << 63n, 3n << 61n, 0n],
    },
    { cr3: [0x1000n, (1n << 40n) - 0x1000n, 1n << 40n, (1n << 36n) - 1n, 0x7fn, 1n << 62n] },
    { cr0: [PAGED, 0x8005_003bn, 0xe001_0033n, 0xa001_0033n, 0x8000_0011n, 0x1_8001_0033n] },
    {
      cr4: [
        0x20n,
        0x30n,
        0x6f8n,
        0x0n,
        0x2020n,
        0x4020n,
        0x1020n,
        0x4_0020n,
        0x10_0020n,
        0x20_0020n,
        0x40_0020n,
      ],
    },
    // PAE paging, whose page-directory pointers come from guest memory.
    { efer: [0x1000n], cr0: [PAGED], cr4: [0x20n], cr3: [0x1000n] },
    { efer: [LONG_MODE], cr0: [PAGED], cr4: [0x20n], cr3: [0x1000n] },
    {
      apicBase: [0xfee0_0900n, 0xfee0_0800n, 0xfee0_0d00n, 0xfee0_0100n, 0xfee0_0901n, (1n << 40n) + 0x900n],
    },
    { cr2: [0n, 0x1234_5678_9abcn], cr8: [0n, 5n, 15n, 16n] },
  ],
  cpuid: [
    [
      [0x8000_0001, 0, 'ecx', 2, 1],
      [0, 1],
    ], // SVM
    [
      [0x8000_000a, 0, 'edx', 0, 1],
      [0, 1],
    ], // NPT
    [
      [0x8000_0001, 0, 'edx', 29, 1],
      [0, 1],
    ], // long mode
    [
      [0x8000_0001, 0, 'edx', 20, 1],
      [0, 1],
    ], // NX
    [
      [0x8000_0001, 0, 'edx', 25, 1],
      [0, 1],
    ], // FXSR_OPT
    [
      [0x8000_0021, 0, 'eax', 8, 1],
      [0, 1],
    ], // AUTOIBRS
    [
      [0x8000_0008, 0, 'eax', 0, 8],
      [0, 1, 32, 36, 39, 40, 41, 48, 52, 63, 64, 255],
    ],
    [
      [0x8000_0000, 0, 'eax', 0, 32],
      [0x8000_0007, 0x8000_0008, 0x8000_000a, 0],
    ],
    [
      [7, 0, 'ebx', 7, 1],
      [0, 1],
    ], // SMEP
    [
      [7, 0, 'ebx', 20, 1],
      [0, 1],
    ], // SMAP
    [
      [7, 0, 'ebx', 0, 1],
      [0, 1],
    ], // FSGSBASE
    [
      [7, 0, 'ecx', 2, 1],
      [0, 1],
    ], // UMIP
    [
      [7, 0, 'ecx', 3, 1],
      [0, 1],
    ], // PKU
    [
      [7, 0, 'ecx', 16, 1],
      [0, 1],
    ], // LA57
    [
      [7, 1, 'eax', 26, 1],
      [0, 1],
    ], // LAM
    [
      [1, 0, 'ecx', 17, 1],
      [0, 1],
    ], // PCID
    [
      [1, 0, 'ecx', 21, 1],
      [0, 1],
    ], // x2APIC
    [
      [1, 0, 'ecx', 26, 1],
      [0, 1],
    ], // XSAVE
    [
      [1, 0, 'ecx', 5, 1],
      [0, 1],
    ], // VMX
  ],
  // The captured registers that lie in a save area.
  msrs: [
    [0xc000_0081, [0n, 0x0023_0010_0000_0000n]],
    [0xc000_0102, [0n, 0xffff_8000_0000_0000n, 1n << 47n]],
    [0x174, [0n, 0x10n, 0xffff_ffff_ffff_ffffn]],
    [0x176, [0n, 0xffff_ffff_8000_0000n]],
    [0x277, [0x0007_0406_0007_0406n, 0x0007_0106_0007_0406n, 2n]],
  ],
  together: [
    [
      { field: 'vmcb12.control.nested_ctl', value: '0x1' },
      { field: 'vmcb12.control.nested_cr3', value: '0x10000000000000' },
    ],
    [
      { cpuid: [0x8000_000a, 0, 'edx', 0, 1], value: '0x0' },
      { field: 'vmcb12.control.nested_ctl', value: '0x1' },
      { field: 'vmcb12.control.nested_cr3', value: '0x10000000000000' },
    ],
    [
      { cpuid: [0x8000_0001, 0, 'edx', 20, 1], value: '0x0' },
      { field: 'vmcb12.save.efer', value: '0x1d00' },
    ],
    [{ smm: 1 }, { field: 'flags', value: '0x101' }],
    [
      { registers: { efer: '0x1000', cr0: '0x11', cr3: '0x10000000000000' } },
      { field: 'flags', value: '0x101' },
    ],
    [{ registers: { efer: '0x500' } }, { field: 'flags', value: '0x0' }],
    [{ registers: { efer: '0x500' } }, { field: 'flags', value: '0x100' }],
  ],
  unreachable: new Map<RuleReason, string>([
    ['SVM_NP_WITHOUT_HOST_NPT', 'kvm_amd runs with nested paging here'],
    ['SVM_TLB_CTL_UNSUPPORTED', 'Linux 6.1 takes any TLB_CONTROL'],
    ['SVM_V_NMI_WITHOUT_NMI_INTERCEPT', 'Linux 6.1 knows no virtual NMI'],
    ['SVM_EVENT_INJ_TYPE_INVALID', 'Linux 6.1 does not look at EVENTINJ'],
    ['SVM_EVENT_INJ_VECTOR_INVALID', 'Linux 6.1 does not look at EVENTINJ'],
    ['SVM_GPAT_INVALID', 'Linux 6.1 has one PAT for L1 and L2'],
    [
      'SVM_L2_CR0_NW_WITHOUT_CD',
      'no vCPU can have such a CR0: KVM_SET_SREGS (kvm_is_valid_cr0) and VMRUN refuse it first',
    ],
  ]),
};
