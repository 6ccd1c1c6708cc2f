// The other side of the VMX rules' conditions: states as near to a refusal as can be that every kernel takes, and
// rules that are not judged for want of what they need.
import { describe, expect, test } from 'vitest';
import { read, viewOf, write } from '../../../lib/nested/codec.js';
import { type Field, FLAG, HEADER, VMCS12, VMCS12_REVISION } from '../../../lib/nested/layout.js';
import { plainVmxGuestState } from '../../../lib/nested/probes.js';
import type { KernelFacts, VcpuFacts } from '../../../lib/nested/rule.js';
import {
  ALL_BUT_MEMORY,
  checkNestedState,
  judgeNestedState,
  RULES,
  type RuleReason,
} from '../../../lib/nested/rules.js';
import { vmxRefusalStage } from '../../../lib/nested/vmx-rules.js';
import { kernel, VMX_VCPU, vmxGuestMode, vmxShadow } from '../../vectors/nested-states.js';
import { memoryWith } from '../../vectors/vmx-rule-cases.js';

/** A kernel of Linux 6.1, on a CPU without LA57, and one of 2026 on a CPU with it. */
const OF_6_1: KernelFacts = {
  ...kernel(
    'VMX',
    'VMX_EVENT_CP_WITH_ERROR_CODE',
    'VMX_HOST_ADDRESS_NEEDS_LA57',
    'VMX_GUEST_BNDCFGS_NEEDS_LA57',
    'VMX_GUEST_DEBUGCTL_UNSUPPORTED',
    'VMX_GUEST_DEBUGCTL_FREEZE_IN_SMM',
  ),
  reserved: { cr3: 0n, cr4: 1n << 12n, debugctl: 0n, perfGlobalCtrl: 0n },
};
const OF_2026 = kernel(
  'VMX',
  'VMX_TSC_MULTIPLIER_ZERO',
  'VMX_EXIT_MSR_LOAD_COUNT_UNSUPPORTED',
  'VMX_EXIT_MSR_STORE_COUNT_UNSUPPORTED',
  'VMX_ENTRY_MSR_LOAD_COUNT_UNSUPPORTED',
  'VMX_EVENT_CP_WITHOUT_ERROR_CODE',
  'VMX_HOST_RIP_NEEDS_HOST_LA57',
);

type Change = (view: DataView) => void;
const verdict = (
  change: Change,
  vcpu: Partial<VcpuFacts> = {},
  facts: KernelFacts = OF_6_1,
  from = vmxGuestMode,
): RuleReason | 'OK' => {
  const bytes = from();
  change(viewOf(bytes));
  return checkNestedState(bytes, { ...VMX_VCPU, ...vcpu }, facts)?.reason ?? 'OK';
};

const all =
  (...changes: Change[]): Change =>
  (view) => {
    for (const change of changes) change(view);
  };
const set =
  (field: Field<'u64'>, value: bigint): Change =>
  (view) =>
    write(view, field, value);
const set32 =
  (field: Field<'u16' | 'u32'>, value: number): Change =>
  (view) =>
    write(view, field, value);
const or =
  (field: Field<'u32'>, bits: number): Change =>
  (view) =>
    write(view, field, read(view, field) | bits);
const without =
  (field: Field<'u32'>, bits: number): Change =>
  (view) =>
    write(view, field, read(view, field) & ~bits);
const pin = (bits: number) => or(VMCS12.pin_based_vm_exec_control, bits);
const proc = (bits: number) => or(VMCS12.cpu_based_vm_exec_control, bits);
const secondary = (bits: number) => or(VMCS12.secondary_vm_exec_control, bits);
const exit = (bits: number) => or(VMCS12.vm_exit_controls, bits);
const entry = (bits: number) => or(VMCS12.vm_entry_controls, bits);
const event = (value: number) => set32(VMCS12.vm_entry_intr_info_field, value);
const pending = set32(HEADER.flags, FLAG.GUEST_MODE | FLAG.RUN_PENDING);
const to32Bit = all(without(VMCS12.vm_exit_controls, 1 << 9), without(VMCS12.vm_entry_controls, 1 << 9));
const withMsr = (index: number, value: bigint): Partial<VcpuFacts> => {
  return { vmxCapabilityMsrs: new Map(VMX_VCPU.vmxCapabilityMsrs).set(index, value) };
};
const LAST_PAGE = (1n << 40n) - 0x1000n;
const IN_57_BITS = 1n << 47n;

/** What a change makes of vmxGuestMode(), and what the vCPU has otherwise than VMX_VCPU. */
const rows = (table: ReadonlyArray<readonly [name: string, change: Change, vcpu?: Partial<VcpuFacts>]>) =>
  table.map(([name, change, vcpu = {}]) => ({ name, change, vcpu }));

describe('kernels take', () => {
  test.each(
    rows([
      ['pages up to the address width', set(VMCS12.io_bitmap_b, LAST_PAGE)],
      [
        'bitmaps anywhere that no control uses',
        all(
          without(VMCS12.cpu_based_vm_exec_control, (1 << 25) | (1 << 28) | (1 << 21)),
          set(VMCS12.io_bitmap_a, 1n),
          set(VMCS12.io_bitmap_b, 1n),
          set(VMCS12.msr_bitmap, 1n),
          set(VMCS12.virtual_apic_page_addr, 1n),
          set(VMCS12.apic_access_addr, 1n),
          set(VMCS12.pml_address, 1n),
          set(VMCS12.eptp_list_address, 1n),
          set(VMCS12.vmread_bitmap, 1n),
          set(VMCS12.posted_intr_desc_addr, 1n),
        ),
      ],
      [
        'fixed bits that the guest lost with its CPUID',
        set(VMCS12.host_cr4, 0x2020n),
        { vmxCapabilityMsrs: new Map(VMX_VCPU.vmxCapabilityMsrs).set(0x488, 0x2020n).set(0x489, 0x36_27dfn) },
      ],
      ['controls that a restore made fixed and took away', pin(0), withMsr(0x48d, 0x5f_0000_0036n)],
      ['CR3 targets as many as there are', set32(VMCS12.cr3_target_count, 4), withMsr(0x485, 0x2004_0065n)],
      ['virtual x2APIC mode with the TPR shadow', secondary(1 << 4)],
      ['virtual APIC accesses', secondary(1)],
      [
        'posted interrupts with all that they need',
        all(
          pin(1 << 7),
          secondary(1 << 9),
          exit(1 << 15),
          set(VMCS12.posted_intr_desc_addr, LAST_PAGE + 0xfc0n),
          set32(VMCS12.posted_intr_nv, 0xff),
        ),
      ],
      ['NMI-window exiting with virtual NMIs', proc(1 << 22)],
      [
        'neither NMI exiting nor virtual NMIs',
        without(VMCS12.pin_based_vm_exec_control, (1 << 3) | (1 << 5)),
      ],
      ['PML with EPT', secondary(1 << 17)],
      [
        'no EPT and any EPT pointer',
        all(without(VMCS12.secondary_vm_exec_control, 2), set(VMCS12.ept_pointer, 0x7ffn)),
      ],
      [
        'no VPID',
        all(without(VMCS12.secondary_vm_exec_control, 1 << 5), set32(VMCS12.virtual_processor_id, 0)),
      ],
      ['the preemption timer saved', all(pin(1 << 6), exit(1 << 22))],
      [
        'an uncacheable EPT that the vCPU has',
        set(VMCS12.ept_pointer, 0xc018n),
        withMsr(0x48c, 0x0613_4141n),
      ],
      [
        'an EPT of 5 levels that the vCPU has',
        set(VMCS12.ept_pointer, 0xc026n),
        withMsr(0x48c, 0x0613_40c1n),
      ],
      [
        'accessed and dirty flags that the vCPU has',
        set(VMCS12.ept_pointer, 0xc05en),
        withMsr(0x48c, 0x0633_4041n),
      ],
      ['VM functions but no EPTP switching', all(secondary(1 << 13), set(VMCS12.eptp_list_address, 1n))],
      ['EPTP switching', all(secondary(1 << 13), set(VMCS12.vm_function_control, 1n))],
      [
        'an MSR list that ends at the address width',
        all(set32(VMCS12.vm_exit_msr_load_count, 256), set(VMCS12.vm_exit_msr_load_addr, LAST_PAGE)),
      ],
      ['an empty MSR list anywhere', set(VMCS12.vm_entry_msr_load_addr, 1n)],
      ['an event that is not valid', event(0x0000_7fff)],
      ['an NMI', event(0x8000_0202)],
      ['a pending MTF VM exit', event(0x8000_0700)],
      ['an exception of vector 31', event(0x8000_031f)],
      ['#DF with an error code', event(0x8000_0b08)],
      [
        'an error code up to 16 bits',
        all(event(0x8000_0b0e), set32(VMCS12.vm_entry_exception_error_code, 0xffff)),
      ],
      [
        'a high error code that is not delivered',
        all(event(0x8000_0306), set32(VMCS12.vm_entry_exception_error_code, -1)),
      ],
      [
        '#PF without an error code in real mode',
        all(
          event(0x8000_030e),
          secondary(1 << 7),
          set(VMCS12.guest_cr0, 0x20n),
          without(VMCS12.vm_entry_controls, 1 << 9),
        ),
      ],
      [
        '#UD with an error code where IA32_VMX_BASIC[56] says so',
        event(0x8000_0b06),
        withMsr(0x480, 1n << 56n),
      ],
      ['#CP with an error code where it says so', event(0x8000_0b15), withMsr(0x480, 1n << 56n)],
      [
        'a software interrupt of 15 bytes',
        all(event(0x8000_0480), set32(VMCS12.vm_entry_instruction_len, 15)),
      ],
      [
        'a software exception of 0 bytes that the vCPU can have',
        event(0x8000_0603),
        withMsr(0x485, 0x6000_0065n),
      ],
      ['any instruction length without a software event', set32(VMCS12.vm_entry_instruction_len, 99)],
      ['an L1 and an L2 out of 64-bit mode', all(to32Bit, set32(VMCS12.host_ss_selector, 0x10))],
      [
        'an L1 in 64-bit mode with PCIDE and a null SS',
        all(set(VMCS12.host_cr4, 0x2_2020n), set32(VMCS12.host_ss_selector, 0)),
      ],
      [
        'every memory type in the PATs',
        all(
          exit(1 << 19),
          entry(1 << 14),
          set(VMCS12.host_ia32_pat, 0x0007_0605_0401_0006n),
          set(VMCS12.guest_ia32_pat, 0x0007_0605_0401_0006n),
        ),
      ],
      ['PATs that are not loaded', all(set(VMCS12.host_ia32_pat, 2n), set(VMCS12.guest_ia32_pat, 2n))],
      [
        'every counter of the guest',
        all(
          exit(1 << 12),
          entry(1 << 13),
          set(VMCS12.host_ia32_perf_global_ctrl, 0x7_0000_00ffn),
          set(VMCS12.guest_ia32_perf_global_ctrl, 0x7_0000_00ffn),
        ),
      ],
      [
        'counters that are not loaded',
        all(set(VMCS12.host_ia32_perf_global_ctrl, -1n), set(VMCS12.guest_ia32_perf_global_ctrl, -1n)),
      ],
      [
        'the highest and the lowest address of 48 bits',
        all(set(VMCS12.host_fs_base, IN_57_BITS - 1n), set(VMCS12.host_gs_base, 0xffff_8000_0000_0000n)),
      ],
      ['an L1 EFER that is loaded', all(exit(1 << 21), set(VMCS12.host_ia32_efer, 0xd01n))],
      [
        'an L1 EFER out of 64-bit mode',
        all(to32Bit, set32(VMCS12.host_ss_selector, 0x10), exit(1 << 21), set(VMCS12.host_ia32_efer, 1n)),
      ],
      ['an EFER of L1 that is not loaded', set(VMCS12.host_ia32_efer, -1n)],
      [
        'an unrestricted L2 in real mode',
        all(secondary(1 << 7), set(VMCS12.guest_cr0, 0x20n), without(VMCS12.vm_entry_controls, 1 << 9)),
      ],
      [
        'debug registers that are not loaded',
        all(set(VMCS12.guest_dr7, -1n), set(VMCS12.guest_ia32_debugctl, -1n)),
      ],
      ['LBR and BTF whatever the guest has', all(entry(4), set(VMCS12.guest_ia32_debugctl, 3n))],
      [
        'RTM_DEBUG that the guest has',
        all(entry(4), set(VMCS12.guest_ia32_debugctl, 1n << 15n)),
        { reserved: { ...VMX_VCPU.reserved, debugctl: 0n } },
      ],
      [
        'an L2 EFER that the VM entry loads',
        all(pending, entry(1 << 15), set(VMCS12.guest_ia32_efer, 0xd01n)),
      ],
      [
        'an L2 EFER with LME, and paging off',
        all(
          pending,
          entry(1 << 15),
          without(VMCS12.vm_entry_controls, 1 << 9),
          secondary(1 << 7),
          set(VMCS12.guest_cr0, 0x21n),
          set(VMCS12.guest_ia32_efer, 0x100n),
        ),
      ],
      ['an EFER of L2 once it has run', all(entry(1 << 15), set(VMCS12.guest_ia32_efer, -1n))],
      ['an L2 IA32_BNDCFGS that is loaded', all(entry(1 << 16), set(VMCS12.guest_bndcfgs, 0x1003n))],
      ['an IA32_BNDCFGS that is not', set(VMCS12.guest_bndcfgs, -1n)],
      ['L2 halted', set32(VMCS12.guest_activity_state, 1)],
      ['L2 waiting for a SIPI', set32(VMCS12.guest_activity_state, 3)],
      [
        'LAM in CR3 where the guest and the kernel have it',
        all(set(VMCS12.host_cr3, (1n << 62n) | 0x1000n), set(VMCS12.guest_cr3, (1n << 61n) | 0x1000n)),
        { reserved: { ...VMX_VCPU.reserved, cr3: 0n } },
      ],
    ]),
  )('$name', ({ change, vcpu }) => {
    expect(verdict(change, vcpu)).toBe('OK');
  });
});

describe('kernels that know CET take', () => {
  const CET = withMsr(0x489, 0x00f7_77ffn);
  test.each(
    rows([
      ['CR4.CET with CR0.WP', all(set(VMCS12.host_cr4, 0x80_2020n), set(VMCS12.guest_cr4, 0x80_2020n)), CET],
      [
        'shadow stacks that the guest has',
        all(
          exit(1 << 28),
          entry(1 << 20),
          set(VMCS12.host_s_cet, 3n),
          set(VMCS12.guest_s_cet, 3n),
          set(VMCS12.host_ssp, 0xffff_8000_0000_0ffcn),
          set(VMCS12.guest_ssp, 0x00ff_ffff_ffff_fffcn),
        ),
        { hasShstk: true },
      ],
      [
        'branch tracking that the guest has',
        all(exit(1 << 28), set(VMCS12.host_s_cet, 0xffff_8000_0000_c43cn)),
        { hasIbt: true },
      ],
      [
        'an L1 out of 64-bit mode with SSP below 4 GiB',
        all(to32Bit, set32(VMCS12.host_ss_selector, 0x10), exit(1 << 28), set(VMCS12.host_ssp, 0xffff_fffcn)),
      ],
      [
        'anything that is not loaded',
        all(set(VMCS12.host_s_cet, -1n), set(VMCS12.guest_s_cet, -1n), set(VMCS12.guest_ssp, -1n)),
      ],
    ]),
  )('$name', ({ change, vcpu }) => {
    expect(verdict(change, vcpu, OF_2026)).toBe('OK');
  });

  test('SSP of L2 has one bit more than a linear address', () => {
    const loaded = (ssp: bigint) => all(entry(1 << 20), set(VMCS12.guest_ssp, ssp));
    expect(verdict(loaded(0x0000_ffff_ffff_fffcn), {}, OF_6_1)).toBe('OK');
    expect(verdict(loaded(0x0001_0000_0000_0000n), {}, OF_6_1)).toBe('VMX_GUEST_SSP_ILLEGAL');
  });
});

describe('what kernels differ about', () => {
  test.each<readonly [string, Change, RuleReason | 'OK', RuleReason | 'OK']>([
    ['#CP with an error code', event(0x8000_0b15), 'VMX_EVENT_CP_WITH_ERROR_CODE', 'OK'],
    ['#CP without', event(0x8000_0315), 'OK', 'VMX_EVENT_CP_WITHOUT_ERROR_CODE'],
    ['TSC scaling by 0', secondary(1 << 25), 'OK', 'VMX_TSC_MULTIPLIER_ZERO'],
    ['TSC scaling by 1', all(secondary(1 << 25), set(VMCS12.tsc_multiplier, 1n << 48n)), 'OK', 'OK'],
    ['512 MSRs', set32(VMCS12.vm_exit_msr_store_count, 512), 'OK', 'OK'],
    ['513 MSRs', set32(VMCS12.vm_exit_msr_store_count, 513), 'OK', 'VMX_EXIT_MSR_STORE_COUNT_UNSUPPORTED'],
    ['an FS base in 57 bits', set(VMCS12.host_fs_base, IN_57_BITS), 'VMX_HOST_FS_BASE_NONCANONICAL', 'OK'],
    [
      'a RIP in 57 bits',
      set(VMCS12.host_rip, IN_57_BITS),
      'VMX_HOST_RIP_NONCANONICAL',
      'VMX_HOST_RIP_NEEDS_HOST_LA57',
    ],
  ])('%s', (_name, change, on61, on2026) => {
    expect([verdict(change), verdict(change, {}, OF_2026)]).toEqual([on61, on2026]);
  });

  test('57 bits on a CPU with LA57 hang on CR4 up to 6.12', () => {
    const facts = kernel(
      'VMX',
      'VMX_HOST_ADDRESS_NEEDS_LA57',
      'VMX_HOST_RIP_NEEDS_HOST_LA57',
      'VMX_GUEST_BNDCFGS_NEEDS_LA57',
    );
    const change = all(
      set(VMCS12.host_rip, IN_57_BITS),
      entry(1 << 16),
      set(VMCS12.guest_bndcfgs, IN_57_BITS),
    );
    expect(verdict(change, {}, facts)).toBe('VMX_HOST_ADDRESS_NEEDS_LA57');
    expect(verdict(change, { cr4: 0x3020n }, facts)).toBe('OK');
  });

  test('and of RIP on the CR4 that L1 gets since', () => {
    const change = all(set(VMCS12.host_rip, IN_57_BITS), set(VMCS12.host_cr4, 0x3020n));
    expect(verdict(change, {}, OF_2026)).toBe('OK');
  });

  test('FREEZE_WHILE_SMM is taken by kernels before mid-2025 and since 2026', () => {
    const change = all(entry(4), set(VMCS12.guest_ia32_debugctl, 1n << 14n));
    expect(verdict(change)).toBe('VMX_GUEST_DEBUGCTL_FREEZE_IN_SMM');
    expect(verdict(change, {}, OF_2026)).toBe('OK');
  });

  test('what the kernel gives no guest is refused whatever the vCPU has', () => {
    const reserved = { cr3: 3n << 61n, cr4: 1n << 17n, debugctl: 0n, perfGlobalCtrl: 1n };
    const facts = { ...OF_6_1, reserved };
    expect(verdict(set(VMCS12.host_cr4, 0x2_2020n), {}, facts)).toBe('VMX_HOST_CR4_RESERVED');
    const seen = { ...OF_6_1, refused: { cr4: 0x10n, efer: 1n } };
    expect(verdict(set(VMCS12.guest_cr4, 0x2030n), {}, seen)).toBe('VMX_GUEST_CR4_RESERVED');
    const efer = all(exit(1 << 21), set(VMCS12.host_ia32_efer, 0x501n));
    expect(verdict(efer, {}, seen)).toBe('VMX_HOST_EFER_RESERVED_BITS');
    const counter = all(entry(1 << 13), set(VMCS12.guest_ia32_perf_global_ctrl, 1n));
    expect(verdict(counter, {}, facts)).toBe('VMX_GUEST_PERF_GLOBAL_CTRL_UNSUPPORTED');
    const lam = { reserved: { ...VMX_VCPU.reserved, cr3: 0n } };
    expect(verdict(set(VMCS12.guest_cr3, 1n << 61n), lam, facts)).toBe('VMX_GUEST_CR3_ILLEGAL');
  });
});

describe('the shadow VMCS in guest memory', () => {
  const header = VMCS12_REVISION;
  const shadowing = 0x8000_0000 + VMCS12_REVISION;
  test.each([
    ['is as the state says', shadowing, vmxShadow, 'OK'],
    ['is an ordinary one without VMCS shadowing', header, vmxGuestMode, 'OK'],
    ['has another revision', shadowing + 1, vmxShadow, 'VMX_LINK_REVISION_UNKNOWN'],
  ] as const)('%s: %s', (_name, memory, from, expected) => {
    const change = set(VMCS12.vmcs_link_pointer, 0x5000n);
    expect(verdict(change, { readGuest: memoryWith(memory) }, OF_6_1, from)).toBe(expected);
  });

  test('is not asked for where memory is not known', () => {
    const bytes = vmxShadow();
    expect(checkNestedState(bytes, VMX_VCPU, OF_6_1)).toBeUndefined();
    const { unjudged, violations } = judgeNestedState(bytes, VMX_VCPU, OF_6_1, ALL_BUT_MEMORY);
    expect(violations).toEqual([]);
    expect(unjudged).toEqual(
      RULES.filter(({ needs }) => needs.includes('memory')).map(({ reason }) => reason),
    );
  });

  test('is not read without a link', () => {
    const readGuest = () => {
      throw new Error('no memory is to be read');
    };
    expect(verdict(() => undefined, { readGuest })).toBe('OK');
  });
});

test('no rule that needs a capability MSR is applied where none is known', () => {
  const change = all(
    set32(VMCS12.pin_based_vm_exec_control, 0),
    set32(VMCS12.cpu_based_vm_exec_control, 1 << 31),
    set32(VMCS12.secondary_vm_exec_control, (1 << 13) | (1 << 1)),
    set32(VMCS12.cr3_target_count, 9),
    set(VMCS12.ept_pointer, 0x58n | 6n),
    set(VMCS12.vm_function_control, 2n),
    set32(VMCS12.vm_exit_msr_load_count, 513),
    set32(VMCS12.vm_entry_intr_info_field, 0x8000_0700),
    set(VMCS12.host_cr0, 0n),
    set(VMCS12.guest_cr0, 0x8000_0001n),
  );
  expect(verdict(change, { vmxCapabilityMsrs: new Map() }, OF_2026)).toBe('OK');
});

test('VM entry that fails answers with a value above 0 and no errno', () => {
  const bytes = vmxGuestMode();
  write(viewOf(bytes), VMCS12.guest_cr3, 1n << 40n);
  expect(checkNestedState(bytes, VMX_VCPU, OF_6_1)).toMatchObject({
    reason: 'VMX_GUEST_CR3_ILLEGAL',
    errno: '',
    returns: 2,
    field: 'vmcs12.guest_cr3',
    origin: 'kernel',
  });
});

describe('how far the kernel has come when it refuses', () => {
  test.each([
    ['VMX_VMXON_PA_UNALIGNED', 'nothing'],
    ['VMX_SIZE_BELOW_VMCS12', 'vmxon'],
    ['VMX_VMCS12_PA_IS_VMXON_PA', 'vmxon'],
    ['VMX_VMCS12_REVISION_UNKNOWN', 'current'],
    ['VMX_SHADOW_INDICATOR_CLEAR', 'guest'],
    ['VMX_HOST_CR3_ILLEGAL', 'guest'],
  ])('%s: %s', (reason, stage) => {
    expect(vmxRefusalStage(reason)).toBe(stage);
  });
});

test('a vCPU without capability MSRs demands no controls of the plainest state in guest mode', () => {
  const view = viewOf(plainVmxGuestState(new Map()));
  expect(read(view, VMCS12.pin_based_vm_exec_control)).toBe(0);
  expect(read(view, VMCS12.cpu_based_vm_exec_control)).toBe(0);
});
