// The fuzz's tables for Intel.

import {
  FLAG,
  HEADER,
  NO_ADDRESS,
  SHADOW_VMCS12,
  VMCS12,
  VMCS12_REVISION,
  VMX_HEADER,
  VMX_SHADOW_BYTES,
} from '../../lib/nested/layout.js';
import type { RuleReason } from '../../lib/nested/rules.js';
import { SHADOW_VMCS_GPA } from '../guests/vmx-l1/layout.js';
import { vmxGuestMode, vmxShadow } from '../vectors/nested-states.js';
import type { Change, CpuidPlace, NumberField } from './fuzz-case.js';
import type { FuzzVendor } from './vendor.js';

const LONG_MODE = 0x500n; // LMA LME
const PAGED = 0x8005_0033n; // PG AM WP NE ET MP PE
const VMXE = 0x2000n;
const SHADOW_HEADER = 0x8000_0000 + VMCS12_REVISION;
/** Beyond every width of physical addresses that a guest may have. */
const BEYOND = 1n << 52n;
/** Where the memory of both has a vmcs12's header without a shadow-VMCS indicator, and where one with it. */
const ORDINARY_GPA = 0x6000n;
const SHADOW_GPA = 0x5000n;
const ZEROES_GPA = 0x7000n;

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
const set = (field: NumberField, value: number | bigint): Change => {
  return { field: field.path, value: hex(typeof value === 'number' ? value >>> 0 : value) };
};
const bit = (leaf: number, register: CpuidPlace[2], at: number): readonly [CpuidPlace, readonly number[]] => [
  [leaf, 0, register, at, 1],
  [0, 1],
];
/** A vmcs12 field with bits of its control that the emulated CPU offers, over vmxGuestMode's. */
const pin = (bits: number): Change => set(VMCS12.pin_based_vm_exec_control, 0x3f | bits);
const secondary = (bits: number): Change => set(VMCS12.secondary_vm_exec_control, bits);
const exit = (bits: number): Change => set(VMCS12.vm_exit_controls, 0x0003_6ffb | bits);
const entry = (bits: number): Change => set(VMCS12.vm_entry_controls, 0x0000_13fb | bits);
const EPT_VPID = 0x22;
const EXIT_32_BIT = set(VMCS12.vm_exit_controls, 0x0003_6dfb);
const ENTRY_32_BIT = set(VMCS12.vm_entry_controls, 0x0000_11fb);
const EVENTS = [
  0x8000_0020, 0x8000_0120, 0x8000_0202, 0x8000_0203, 0x8000_0306, 0x8000_030e, 0x8000_0320, 0x8000_0b06,
  0x8000_0b08, 0x8000_0b0e, 0x8000_0b15, 0x8000_0315, 0x8000_0480, 0x8000_0501, 0x8000_0603, 0x8000_0700,
  0x8000_0701, 0x8000_0820, 0x8000_0c80, 0x8000_1020, 0xc000_0020,
];
const GROUND = 'every control that needs another';
/** The shadow VMCS's state comes with it. */
const SHADOW = [set(VMCS12.secondary_vm_exec_control, 0x4022), set(VMCS12.vmcs_link_pointer, SHADOW_GPA)];
/** One field beyond what its rule lets pass. */
const SINGLE: readonly Change[] = [
  set(HEADER.size, 127),
  set(HEADER.size, 129),
  set(HEADER.flags, FLAG.GUEST_MODE | 0x10),
  set(HEADER.flags, FLAG.RUN_PENDING),
  set(HEADER.format, 1),
  set(HEADER.format, 2),
  { smm: 1 },
  set(VMX_HEADER.vmxon_pa, 0x1001n),
  set(VMX_HEADER.vmxon_pa, BEYOND),
  set(VMX_HEADER.vmcs12_pa, 0x2001n),
  set(VMX_HEADER.vmcs12_pa, BEYOND),
  set(VMX_HEADER.flags, 2),
  set(VMCS12.revision_id, 1),
  set(VMCS12.pin_based_vm_exec_control, 0),
  set(VMCS12.pin_based_vm_exec_control, 0x37),
  set(VMCS12.pin_based_vm_exec_control, 0x1f),
  set(VMCS12.cpu_based_vm_exec_control, 0),
  set(VMCS12.cpu_based_vm_exec_control, 0x9660_6172),
  set(VMCS12.secondary_vm_exec_control, 0x8000_0000),
  set(VMCS12.vm_exit_controls, 0),
  set(VMCS12.vm_entry_controls, 0),
  set(VMCS12.cr3_target_count, 5),
  set(VMCS12.io_bitmap_a, BEYOND),
  set(VMCS12.io_bitmap_b, 0x7001n),
  set(VMCS12.msr_bitmap, 0x8001n),
  set(VMCS12.virtual_apic_page_addr, 0x9001n),
  set(VMCS12.host_cr0, 0x11),
  set(VMCS12.host_cr4, 0x20),
  set(VMCS12.host_cr3, BEYOND),
  set(VMCS12.host_cs_selector, 0),
  set(VMCS12.host_tr_selector, 0),
  set(VMCS12.guest_cr0, 0x11),
  set(VMCS12.guest_cr4, 0x20),
  set(VMCS12.vmcs_link_pointer, 0x5001n),
  set(VMCS12.guest_activity_state, 2),
];
const NEVER_CANONICAL = 1n << 63n;
const IN_57_BITS = 1n << 47n;

export const VMX_FUZZ: FuzzVendor = {
  format: 'VMX',
  kind: 'vmx',
  constructed: [
    [GROUND, () => vmxGuestMode()],
    ['VM entry pending', () => vmxGuestMode({ flags: FLAG.GUEST_MODE | FLAG.RUN_PENDING })],
    ['shadow VMCS', vmxShadow],
  ],
  memory: [
    [SHADOW_GPA, SHADOW_HEADER],
    [ORDINARY_GPA, VMCS12_REVISION],
    [ZEROES_GPA, 0],
    [SHADOW_VMCS_GPA, SHADOW_HEADER],
  ],
  // The timer counts on between the two reads.
  unequal: [VMX_HEADER.preemption_timer_deadline, VMCS12.vmx_preemption_timer_value],
  registers: [
    { efer: [0n, LONG_MODE, 0x501n, 0xd01n, 0x1500n, 0x4500n, 0x502n, 0x100n] },
    { efer: [0n, 0x100n], cr0: [0x11n, 0x20n, 0x6000_0010n, 0x31n] },
    { efer: [0n], cr0: [0x11n, 0x10n], cr3: [1n << 40n, 1n << 52n, 1n << 63n, 3n << 61n, 0n] },
    { cr3: [0x1000n, (1n << 40n) - 0x1000n, 1n << 40n, (1n << 36n) - 1n, 1n << 62n] },
    { cr0: [PAGED, 0x8001_0033n, 0x8000_0013n, 0xe005_0033n, 0xa005_0033n, 0x1_8005_0033n, 0x8000_0021n] },
    {
      cr4: [
        0x20n,
        VMXE | 0x20n,
        VMXE | 0x30n,
        VMXE | 0x6f8n,
        VMXE,
        0n,
        0x6020n,
        0x1020n,
        VMXE | 0x2_0020n,
        VMXE | 0x4_0020n,
        VMXE | 0x10_0020n,
        VMXE | 0x20_0020n,
        VMXE | 0x40_0020n,
        VMXE | 0x820n,
        VMXE | 0x1_0020n,
      ],
    },
    // PAE paging, and out of paging with LME set, so that entering L2 switches to long mode.
    { efer: [0n], cr0: [PAGED], cr4: [VMXE | 0x20n, 0x20n], cr3: [0x5000n, 0x1000n] },
    { efer: [0x100n], cr0: [0x31n], cr4: [VMXE | 0x20n, 0x20n] },
    { efer: [LONG_MODE], cr0: [PAGED], cr4: [VMXE | 0x20n], cr3: [0x1000n] },
    {
      apicBase: [0xfee0_0900n, 0xfee0_0800n, 0xfee0_0d00n, 0xfee0_0100n, 0xfee0_0901n, (1n << 40n) + 0x900n],
    },
    { cr2: [0n, 0x1234_5678_9abcn], cr8: [0n, 5n, 15n, 16n] },
  ],
  cpuid: [
    bit(1, 'ecx', 5), // VMX
    bit(1, 'ecx', 6), // SMX
    bit(1, 'ecx', 17), // PCID
    bit(1, 'ecx', 21), // x2APIC
    bit(1, 'ecx', 26), // XSAVE
    bit(1, 'ecx', 30), // RDRAND
    bit(1, 'edx', 1), // VME
    bit(1, 'edx', 6), // PAE
    bit(1, 'edx', 24), // FXSR
    bit(7, 'ebx', 0), // FSGSBASE
    bit(7, 'ebx', 7), // SMEP
    bit(7, 'ebx', 10), // INVPCID
    bit(7, 'ebx', 11), // RTM
    bit(7, 'ebx', 18), // RDSEED
    bit(7, 'ebx', 20), // SMAP
    bit(7, 'ecx', 2), // UMIP
    bit(7, 'ecx', 3), // PKU
    bit(7, 'ecx', 16), // LA57
    bit(7, 'ecx', 24), // BUS_LOCK_DETECT
    [
      [7, 1, 'eax', 26, 1],
      [0, 1],
    ], // LAM
    [
      [0xa, 0, 'eax', 0, 16],
      [0, 0x401, 0x402, 0x804],
    ], // PMU
    bit(0x8000_0001, 'edx', 20), // NX
    bit(0x8000_0001, 'edx', 27), // RDTSCP
    bit(0x8000_0001, 'edx', 29), // long mode
    [
      [0x8000_0008, 0, 'eax', 0, 8],
      [0, 1, 32, 36, 39, 40, 41, 48, 52, 63, 64, 255],
    ],
    [
      [0x8000_0000, 0, 'eax', 0, 32],
      [0x8000_0007, 0x8000_0008, 0],
    ],
  ],
  msrs: [
    [0x3a, [0n, 1n, 5n, 7n, 0x8000n]],
    [0x174, [0n, 0x10n, 0xffff_ffff_ffff_ffffn]],
    [0x176, [0n, 0xffff_ffff_8000_0000n, 1n << 47n, 1n << 63n]],
    [0x277, [0x0007_0406_0007_0406n, 0x0007_0106_0007_0406n, 2n]],
    [0xc000_0102, [0n, 0xffff_8000_0000_0000n, 1n << 47n]],
    // Capability MSRs: less than is offered, more, and what it was.
    [0x480, [0x00d8_1000_11e5_7ed0n, 0x0098_1000_11e5_7ed0n, 0x00d8_0800_11e5_7ed0n, 0x01d8_1000_11e5_7ed0n]],
    [0x485, [0x2000_0165n, 0x165n, 0x2000_0161n, 0x6000_0165n, 0x2000_0065n, 0x2200_0165n]],
    [0x486, [0x8000_0021n, 0x8000_0031n, 0x20n]],
    [0x488, [0x2000n, 0x2020n, 0n]],
    [
      0x48b,
      [
        0x0203_7bff_0000_0000n,
        0x22_0000_0000n,
        0x4022_0000_0000n,
        0x0203_7bff_0000_0002n,
        0x0203_7bfd_0000_0002n,
        -1n & 0xffff_ffff_ffff_ffffn,
      ],
    ],
    [0x48c, [0x0f01_0633_4041n, 0x0f01_0613_4041n, 0x0f01_0633_0041n, 0x0f01_0633_4001n, 0x0f01_0633_41c1n]],
    [
      0x48d,
      [0x7f_0000_0016n, 0x5f_0000_0036n, 0x3f_0000_0016n, 0x16_0000_0016n, 0x7f_0000_0017n, 0xff_0000_0016n],
    ],
    [0x48e, [0xf7f9_fffe_0400_6172n, 0xf7f9_fffe_0401_e172n, 0xf7f1_fffe_0400_6172n]],
    [0x48f, [0x007f_ffff_0003_6dfbn, 0x003f_ffff_0003_6dfbn, 0x007f_ffff_0003_6fffn]],
    [0x490, [0xf3ff_0000_11fbn, 0x93ff_0000_11fbn, 0xf3ff_0000_13fbn]],
    [0x491, [1n, 0n, 2n]],
  ],
  ground: GROUND,
  together: [
    ...SINGLE.map((change) => [change]),
    [set(HEADER.flags, 0), set(VMX_HEADER.vmxon_pa, NO_ADDRESS)],
    [set(HEADER.flags, 0), set(VMX_HEADER['smm.flags'], 4)],
    [set(HEADER.flags, 0), set(VMX_HEADER['smm.flags'], 2)],
    [set(HEADER.size, VMX_SHADOW_BYTES), ...SHADOW],
    [set(HEADER.size, VMX_SHADOW_BYTES), ...SHADOW, set(SHADOW_VMCS12.revision_id, SHADOW_HEADER)],
    [set(HEADER.size, VMX_SHADOW_BYTES), ...SHADOW, set(SHADOW_VMCS12.revision_id, VMCS12_REVISION)],
    [{ smm: 1 }, set(HEADER.flags, 0), set(VMX_HEADER['smm.flags'], 0x2)],
    [{ smm: 1 }, set(HEADER.flags, 0), set(VMX_HEADER['smm.flags'], 0x3)],
    [{ smm: 1 }, set(HEADER.flags, 0), set(VMX_HEADER['smm.flags'], 0x1)],
    [set(HEADER.flags, 0), set(VMX_HEADER.vmxon_pa, NO_ADDRESS), set(VMX_HEADER.vmcs12_pa, NO_ADDRESS)],
    [
      set(HEADER.flags, FLAG.EVMCS),
      set(VMX_HEADER.vmxon_pa, NO_ADDRESS),
      set(VMX_HEADER.vmcs12_pa, NO_ADDRESS),
    ],
    [
      set(HEADER.flags, FLAG.EVMCS),
      set(VMX_HEADER.vmxon_pa, NO_ADDRESS),
      set(VMX_HEADER.vmcs12_pa, NO_ADDRESS),
      { cpuid: [1, 0, 'ecx', 5, 1], value: '0x0' },
    ],
    [set(VMX_HEADER.vmxon_pa, NO_ADDRESS), set(VMX_HEADER['smm.flags'], 0x2)],
    [set(VMX_HEADER.vmxon_pa, NO_ADDRESS), set(VMX_HEADER.vmcs12_pa, NO_ADDRESS)],
    [set(HEADER.flags, 0), set(VMX_HEADER.vmcs12_pa, NO_ADDRESS)],
    [set(HEADER.flags, 0), set(HEADER.size, 128), set(VMX_HEADER.vmcs12_pa, NO_ADDRESS)],
    [{ cpuid: [1, 0, 'ecx', 5, 1], value: '0x0' }],
    [set(VMX_HEADER['smm.flags'], 0x3)],
    [set(VMX_HEADER.vmcs12_pa, 0x1000n), set(VMX_HEADER.vmxon_pa, 0x1000n)],
    [set(VMCS12.pin_based_vm_exec_control, 0x1f), set(VMCS12.cpu_based_vm_exec_control, 0x9660_6172)],
    [secondary(0x11)],
    [secondary(0x202), pin(0), set(VMCS12.pin_based_vm_exec_control, 0x3e)],
    [secondary(0x102), set(VMCS12.cpu_based_vm_exec_control, 0x9600_6172)],
    [secondary(0x03), set(VMCS12.apic_access_addr, 0xa000n)],
    [secondary(0x03), set(VMCS12.apic_access_addr, 0xa001n)],
    [secondary(0x2_0000)],
    [secondary(0x2_0002), set(VMCS12.pml_address, 0xb001n)],
    [secondary(0x2_0002), set(VMCS12.pml_address, 0xb000n)],
    [secondary(0x80)],
    [secondary(0x82), ENTRY_32_BIT, set(VMCS12.guest_cr0, 0x20n)],
    [secondary(0x82), ENTRY_32_BIT, set(VMCS12.guest_cr0, 0x8000_0020n)],
    [secondary(0x82), set(VMCS12.guest_cr0, 0x31n)],
    [
      secondary(0x82),
      ENTRY_32_BIT,
      set(VMCS12.guest_cr0, 0x20n),
      set(VMCS12.vm_entry_intr_info_field, 0x8000_0b0d),
    ],
    [secondary(0x4022), set(VMCS12.vmread_bitmap, 1n)],
    [secondary(0x4022), set(VMCS12.vmwrite_bitmap, 1n << 52n)],
    [secondary(EPT_VPID), set(VMCS12.virtual_processor_id, 0)],
    [exit(0x40_0000)],
    [exit(0x40_0000), pin(0x40)],
    [exit(0x40_0000), pin(0x40), set(VMCS12.vmx_preemption_timer_value, 0xffff_ffff)],
    [secondary(0x02), set(VMCS12.ept_pointer, 0xc018n)],
    [secondary(0x02), set(VMCS12.ept_pointer, 0xc026n)],
    [secondary(0x02), set(VMCS12.ept_pointer, 0xc09en)],
    [secondary(0x02), set(VMCS12.ept_pointer, 0xc05en)],
    [secondary(0x02), set(VMCS12.ept_pointer, 0xc05en), { msr: '0x48c', value: '0xf0106134041' }],
    [secondary(0x2002), set(VMCS12.vm_function_control, 2n)],
    [secondary(0x2000), set(VMCS12.vm_function_control, 1n)],
    [secondary(0x2002), set(VMCS12.vm_function_control, 1n), set(VMCS12.eptp_list_address, 0xd008n)],
    [secondary(0x2002), set(VMCS12.vm_function_control, 1n), set(VMCS12.eptp_list_address, 0xd000n)],
    [set(VMCS12.vm_exit_msr_load_count, 1), set(VMCS12.vm_exit_msr_load_addr, 8n)],
    [set(VMCS12.vm_exit_msr_load_count, 1), set(VMCS12.vm_exit_msr_load_addr, 0x7000n)],
    [set(VMCS12.vm_exit_msr_store_count, 1), set(VMCS12.vm_exit_msr_store_addr, 8n)],
    [set(VMCS12.vm_entry_msr_load_count, 1), set(VMCS12.vm_entry_msr_load_addr, 8n)],
    ...EVENTS.map((event) => [set(VMCS12.vm_entry_intr_info_field, event)]),
    [set(VMCS12.vm_entry_intr_info_field, 0x8000_0b0e), set(VMCS12.vm_entry_exception_error_code, 0x1_0000)],
    [set(VMCS12.vm_entry_intr_info_field, 0x8000_0480), set(VMCS12.vm_entry_instruction_len, 16)],
    [set(VMCS12.vm_entry_intr_info_field, 0x8000_0480), set(VMCS12.vm_entry_instruction_len, 15)],
    [set(VMCS12.vm_entry_intr_info_field, 0x8000_0700), { msr: '0x48e', value: '0xf7f1fffe04006172' }],
    [exit(0x8_0000), set(VMCS12.host_ia32_pat, 2n)],
    [exit(0x8_0000), set(VMCS12.host_ia32_pat, 0x0007_0106_0007_0406n)],
    [exit(0x1000), set(VMCS12.host_ia32_perf_global_ctrl, 1n)],
    [exit(0x1000), set(VMCS12.host_ia32_perf_global_ctrl, 0n)],
    [set(VMCS12.host_cr4, VMXE)],
    [EXIT_32_BIT],
    [EXIT_32_BIT, ENTRY_32_BIT],
    [EXIT_32_BIT, ENTRY_32_BIT, set(VMCS12.host_ss_selector, 0x10)],
    [EXIT_32_BIT, ENTRY_32_BIT, set(VMCS12.host_ss_selector, 0x10), set(VMCS12.host_rip, 1n << 32n)],
    [
      EXIT_32_BIT,
      ENTRY_32_BIT,
      set(VMCS12.host_ss_selector, 0x10),
      set(VMCS12.host_rip, 0n),
      set(VMCS12.host_cr4, 0x2_2020n),
    ],
    [EXIT_32_BIT, ENTRY_32_BIT, set(VMCS12.host_ss_selector, 0), set(VMCS12.host_rip, 0n)],
    ...(['cs', 'ss', 'ds', 'es', 'fs', 'gs', 'tr'] as const).map((name) => [
      set(VMCS12[`host_${name}_selector`], 0x1c),
    ]),
    ...(['fs', 'gs', 'gdtr', 'idtr', 'tr'] as const).flatMap((name) => [
      [set(VMCS12[`host_${name}_base`], NEVER_CANONICAL)],
      [set(VMCS12[`host_${name}_base`], IN_57_BITS)],
    ]),
    [set(VMCS12.host_rip, IN_57_BITS)],
    [set(VMCS12.host_ia32_sysenter_esp, NEVER_CANONICAL)],
    [set(VMCS12.host_ia32_sysenter_eip, NEVER_CANONICAL)],
    [exit(0x20_0000), set(VMCS12.host_ia32_efer, 0x1500n)],
    [exit(0x20_0000), set(VMCS12.host_ia32_efer, 0xd01n)],
    [exit(0x20_0000), set(VMCS12.host_ia32_efer, 0x100n)],
    [exit(0x20_0000), set(VMCS12.host_ia32_efer, 0x400n)],
    [
      exit(0x20_0000),
      set(VMCS12.host_ia32_efer, 0xd00n),
      { cpuid: [0x8000_0001, 0, 'edx', 20, 1], value: '0x0' },
    ],
    [entry(4), set(VMCS12.guest_dr7, 1n << 32n)],
    [entry(4), set(VMCS12.guest_ia32_debugctl, 0x4000n)],
    [entry(4), set(VMCS12.guest_ia32_debugctl, 0x8000n)],
    [entry(4), set(VMCS12.guest_ia32_debugctl, 3n)],
    [entry(0x4000), set(VMCS12.guest_ia32_pat, 2n)],
    [
      entry(0x4000),
      set(VMCS12.guest_ia32_pat, 0x0007_0106_0007_0406n),
      set(HEADER.flags, FLAG.GUEST_MODE | FLAG.RUN_PENDING),
    ],
    [entry(0x2000), set(VMCS12.guest_ia32_perf_global_ctrl, 1n)],
    [
      entry(0x8000),
      set(VMCS12.guest_ia32_efer, 0x1500n),
      set(HEADER.flags, FLAG.GUEST_MODE | FLAG.RUN_PENDING),
    ],
    [
      entry(0x8000),
      set(VMCS12.guest_ia32_efer, 0xd01n),
      set(HEADER.flags, FLAG.GUEST_MODE | FLAG.RUN_PENDING),
    ],
    [
      entry(0x8000),
      set(VMCS12.guest_ia32_efer, 0x100n),
      set(HEADER.flags, FLAG.GUEST_MODE | FLAG.RUN_PENDING),
    ],
    [
      entry(0x8000),
      set(VMCS12.guest_ia32_efer, 0x400n),
      set(HEADER.flags, FLAG.GUEST_MODE | FLAG.RUN_PENDING),
    ],
    [
      entry(0x8000),
      set(VMCS12.guest_ia32_efer, 0xd00n),
      set(HEADER.flags, FLAG.GUEST_MODE | FLAG.RUN_PENDING),
      { cpuid: [0x8000_0001, 0, 'edx', 20, 1], value: '0x0' },
    ],
    [set(VMCS12.guest_cr4, VMXE)],
    [set(VMCS12.guest_cr3, 1n << 52n)],
    [set(VMCS12.guest_cr3, 1n << 62n)],
    [set(VMCS12.vmcs_link_pointer, SHADOW_GPA)],
    [set(VMCS12.vmcs_link_pointer, ORDINARY_GPA)],
    [set(VMCS12.vmcs_link_pointer, ZEROES_GPA)],
    [set(VMCS12.vmcs_link_pointer, 0x8000n)],
    [secondary(0x4022), set(VMCS12.vmcs_link_pointer, ORDINARY_GPA)],
    [secondary(0x4022), set(VMCS12.vmcs_link_pointer, SHADOW_GPA)],
    [set(VMCS12.guest_activity_state, 1)],
    [set(VMCS12.guest_activity_state, 3)],
    [set(VMCS12.cr0_guest_host_mask, 0xffff_ffff_ffff_fff7n), set(VMCS12.cr0_read_shadow, 0x31n)],
    [set(VMCS12.cr4_guest_host_mask, 0xffff_ffff_ffff_f871n), set(VMCS12.cr4_read_shadow, 0x20n)],
    // Reserved by CPUID, allowed by what CPUID makes of FIXED1: SMX is the guest's, and no kernel gives it.
    [{ cpuid: [1, 0, 'ecx', 6, 1], value: '0x1' }, set(VMCS12.host_cr4, 0x6020n)],
    [{ cpuid: [1, 0, 'ecx', 6, 1], value: '0x1' }, set(VMCS12.guest_cr4, 0x6020n)],
    [{ cpuid: [7, 0, 'ecx', 3, 1], value: '0x1' }, set(VMCS12.guest_cr4, 0x40_2020n)],
    // In FIXED0, and by CPUID not in FIXED1; as for controls, the first counts.
    [
      { cpuid: [1, 0, 'edx', 6, 1], value: '0x0' },
      { msr: '0x488', value: '0x2020' },
    ],
    [
      { cpuid: [1, 0, 'edx', 6, 1], value: '0x0' },
      { msr: '0x488', value: '0x2020' },
      set(VMCS12.host_cr4, VMXE),
    ],
    [{ msr: '0x48d', value: '0x5f00000036' }],
    [
      { msr: '0x48d', value: '0x5f00000036' },
      set(VMCS12.pin_based_vm_exec_control, 0x1f),
      set(VMCS12.secondary_vm_exec_control, 0),
    ],
    [{ msr: '0x3a', value: '0x0' }],
  ],
  unreachable: new Map<RuleReason, string>([
    ['VMX_POSTED_INTERRUPTS_WITHOUT_INTERRUPT_DELIVERY', 'the emulated CPU has no posted interrupts'],
    ['VMX_POSTED_INTERRUPTS_WITHOUT_ACKNOWLEDGE', 'the emulated CPU has no posted interrupts'],
    ['VMX_POSTED_INTERRUPT_VECTOR_ILLEGAL', 'the emulated CPU has no posted interrupts'],
    ['VMX_POSTED_INTERRUPT_DESCRIPTOR_ILLEGAL', 'the emulated CPU has no posted interrupts'],
    ['VMX_MODE_BASED_EPT_WITHOUT_EPT', 'Linux 6.1 offers no mode-based execute control'],
    ['VMX_TSC_MULTIPLIER_ZERO', 'Linux 6.1 does not look at it'],
    ['VMX_EXIT_MSR_LOAD_COUNT_UNSUPPORTED', 'Linux 6.1 takes any count'],
    ['VMX_EXIT_MSR_STORE_COUNT_UNSUPPORTED', 'Linux 6.1 takes any count'],
    ['VMX_ENTRY_MSR_LOAD_COUNT_UNSUPPORTED', 'Linux 6.1 takes any count'],
    ['VMX_EVENT_CP_WITHOUT_ERROR_CODE', 'Linux 6.1 knows no #CP'],
    ['VMX_HOST_CET_WITHOUT_WP', 'Linux 6.1 offers no CET'],
    ['VMX_HOST_CET_INVALID', 'Linux 6.1 offers no CET'],
    ['VMX_HOST_CET_ADDRESS_ILLEGAL', 'Linux 6.1 offers no CET'],
    ['VMX_GUEST_CET_WITHOUT_WP', 'Linux 6.1 offers no CET'],
    ['VMX_GUEST_CET_INVALID', 'Linux 6.1 offers no CET'],
    ['VMX_GUEST_SSP_ILLEGAL', 'Linux 6.1 offers no CET'],
    ['VMX_HOST_ADDRESS_NEEDS_LA57', 'the emulated CPU has no LA57: 48 bits are all that is canonical'],
    ['VMX_HOST_RIP_NEEDS_HOST_LA57', 'the emulated CPU has no LA57: 48 bits are all that is canonical'],
    ['VMX_GUEST_BNDCFGS_NONCANONICAL', 'the emulated CPU has no MPX'],
    ['VMX_GUEST_BNDCFGS_NEEDS_LA57', 'the emulated CPU has no MPX'],
    ['VMX_GUEST_BNDCFGS_RESERVED_BITS', 'the emulated CPU has no MPX'],
  ]),
};
