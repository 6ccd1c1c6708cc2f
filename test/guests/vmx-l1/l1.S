# A 64-bit L1 hypervisor for Intel VMX and the L2 guest that it runs, in one 64 KiB ROM.
#
# The demo and the tests move this guest between hosts. It needs a vCPU at its reset vector and RAM at GPA 0:
# no firmware, no interrupt controller, no device but the console port. State that gets lost or stale on the
# way does not go unnoticed: L2 keeps what it knows in RAM, in general registers, in XMM registers and behind
# GS, with a shadow VMCS there too, and compares them before every VMCALL.
#
# Section numbers are those of the Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3. The
# files of ../l1, which this L1 shares with that for SVM, are included where their code stands; numbers.S
# describes the image, the parameter block, the counters and the console.
#
# Scenes
#   0  L2 counts and calls L1, for ever
#   1  the same, and after each VM exit, outside guest mode with a launched VMCS current, L1 passes the gate
#   2  L2 is entered with interrupt-window exiting on, passes the gate with IF=0, sets IF; L1 then injects an
#      external interrupt, L2 takes it once, then as in 0
#   3  before each increment L2 takes a page fault in an OUTSB that L1 leaves to it and L0 therefore emulates
#   4  L1 halts
#   5  L1 triple-faults
#   6  L1 writes a byte to port 0x510, then halts
#   7  L1 reads four bytes at GPA 0xd0000000, then halts
#   8  L1 counts l1_spin in long mode, for ever; CR4.VMXE stays 0
#   9  L1 passes the gate after VMXON, before any VMCS is current; then as in 0
#  10  L1 passes the gate after VMCLEAR of the VMCS that was current; then as in 0
#  11  L1 passes the gate with the VMCS current and written, before VMLAUNCH; then as in 0
#  12  as 0, with a shadow VMCS linked, in which L2 keeps its count by VMWRITE and VMREAD
#  13  as 0, with the VMX-preemption timer armed with its longest value
#  14  as 0, with the VMX-preemption timer armed with a short value; L1 counts its exits and arms it again
#
# Panics of its own
#   novmx      no VMX, or the firmware has locked it off, though the scene needs it
#   nocontrol  a VMX control that every scene needs is missing
#   noept      no EPT, though it is asked for
#   noshadow   no VMCS shadowing, though the scene needs it
#   notimer    no VMX-preemption timer, though the scene needs it
#   timer      the VMX-preemption timer has gone up
#   vmfail=0x7 rip=0xffff0b92  a VMX instruction failed: the VM-instruction error, 0 without a current VMCS
# exit= is the exit reason. For an exception in L1 it is 0x100 + vector: basic exit reasons are below that.

        .include "l1/numbers.S"

# ---------------------------------------------------------------------------------------------- numbers: ours

# Of a vCPU's area.
.set VMCS,               STRUCTURES
.set VMXON_REGION,       STRUCTURES + 0x1000
.set SHADOW_VMCS,        STRUCTURES + 0x2000
.set TIMER_LAST,         0x0d088           # of the VMX-preemption timer, when it was armed or saved

.set MSR_BITMAP,         ZEROS             # no MSR access of L2 exits
.set VMREAD_BITMAP,      ZEROS + 0x1000    # nor any VMREAD or VMWRITE
.set VMWRITE_BITMAP,     ZEROS + 0x1000

.set SCENE_LAUNCHED,     1
.set SCENE_VMXON,        9
.set SCENE_CLEARED,      10
.set SCENE_CURRENT,      11
.set SCENE_SHADOW,       12
.set SCENE_TIMER_LONG,   13
.set SCENE_TIMER_SHORT,  14

.set TIMER_LONG,         0xffffffff        # in units of 2^n TSC ticks, n being IA32_VMX_MISC[4:0]; with KVM 5
.set TIMER_SHORT,        0x00008000

.set L1_EXCEPTION,       0x100

# -------------------------------------------------------------------------------------- numbers: the manual's

.set FEATURE_CONTROL,    0x03a             # [24.7]
.set   LOCKED,              1 << 0
.set   VMX_OUTSIDE_SMX,     1 << 2

# Capability MSRs [appendix A]. A control may be 0 where the low half has a 0, and 1 where the high half has a 1.
.set VMX_BASIC,          0x480
.set   TRUE_CONTROLS,       1 << 23        # of the high half
.set VMX_PIN,            0x481
.set VMX_PROCESSOR,      0x482
.set VMX_EXIT,           0x483
.set VMX_ENTRY,          0x484
.set   TRUE,                0x00c          # from each of the four to its TRUE one
.set VMX_CR0_FIXED0,     0x486
.set VMX_CR4_FIXED0,     0x488
.set VMX_SECONDARY,      0x48b

# Controls [25.6, 25.7, 25.8]
.set PIN_TIMER,          1 << 6
.set PROCESSOR_WINDOW,   1 << 2            # interrupt-window exiting
.set PROCESSOR_MSR_BITMAPS, 1 << 28
.set PROCESSOR_SECONDARY,   1 << 31
.set SECONDARY_EPT,      1 << 1
.set SECONDARY_SHADOW,   1 << 14
.set EXIT_TO_64_BIT,     1 << 9
.set EXIT_SAVE_TIMER,    1 << 22
.set ENTRY_TO_64_BIT,    1 << 9

.set EPT_POINTER_LOW,    0x1e              # write-back, four levels [25.6.11]
.set EPT_TABLE,          0x07              # X W R [29.3.2]
.set EPT_RW,             0x37              # write-back, X W R
.set EPT_RO,             0x35              # write-back, X   R

.set INJECT_EXTERNAL,    1 << 31           # valid, type 0: an external interrupt [25.8.3]

.set SHADOW_INDICATOR,   1 << 31           # of a VMCS's first word [25.2]

# Basic exit reasons [appendix C]
.set EXIT_WINDOW,        7
.set EXIT_VMCALL,        18
.set EXIT_TIMER,         52

.set RFLAGS_IF,          1 << 9

# Access rights of a segment, as a VMCS holds them [25.4.1].
.set CODE64_RIGHTS,      0xa09b
.set DATA_RIGHTS,        0xc093
.set LDT_RIGHTS,         0x0082
.set TSS_RIGHTS,         0x008b
.set HOST_TR,            0x20              # anything but 0: a VM exit reads no descriptor [28.5.2]

# Fields [appendix B]
.set GUEST_ES_SELECTOR,  0x0800
.set GUEST_CS_SELECTOR,  0x0802
.set GUEST_SS_SELECTOR,  0x0804
.set GUEST_DS_SELECTOR,  0x0806
.set GUEST_FS_SELECTOR,  0x0808
.set GUEST_GS_SELECTOR,  0x080a
.set GUEST_LDTR_SELECTOR, 0x080c
.set GUEST_TR_SELECTOR,  0x080e
.set   LIMIT,               0x4000         # from each of the eight to its limit,
.set   RIGHTS,              0x4014         # access rights
.set   BASE,                0x6006         # and base
.set GUEST_GDTR_LIMIT,   0x4810
.set GUEST_IDTR_LIMIT,   0x4812
.set GUEST_GDTR_BASE,    0x6816
.set GUEST_IDTR_BASE,    0x6818
.set HOST_ES_SELECTOR,   0x0c00
.set HOST_CS_SELECTOR,   0x0c02
.set HOST_SS_SELECTOR,   0x0c04
.set HOST_DS_SELECTOR,   0x0c06
.set HOST_FS_SELECTOR,   0x0c08
.set HOST_GS_SELECTOR,   0x0c0a
.set HOST_TR_SELECTOR,   0x0c0c
.set HOST_FS_BASE,       0x6c06
.set HOST_GS_BASE,       0x6c08
.set HOST_TR_BASE,       0x6c0a
.set HOST_GDTR_BASE,     0x6c0c
.set HOST_IDTR_BASE,     0x6c0e
.set ADDRESS_OF_MSR_BITMAP, 0x2004
.set EPT_POINTER,        0x201a
.set ADDRESS_OF_VMREAD_BITMAP,  0x2026
.set ADDRESS_OF_VMWRITE_BITMAP, 0x2028
.set VMCS_LINK_POINTER,  0x2800
.set GUEST_DEBUGCTL,     0x2802
.set PIN_CONTROLS,       0x4000
.set PROCESSOR_CONTROLS, 0x4002
.set EXCEPTION_BITMAP,   0x4004
.set PAGE_FAULT_MASK,    0x4006
.set PAGE_FAULT_MATCH,   0x4008
.set CR3_TARGET_COUNT,   0x400a
.set EXIT_CONTROLS,      0x400c
.set EXIT_MSR_STORES,    0x400e
.set EXIT_MSR_LOADS,     0x4010
.set ENTRY_CONTROLS,     0x4012
.set ENTRY_MSR_LOADS,    0x4014
.set ENTRY_INTERRUPTION, 0x4016
.set SECONDARY_CONTROLS, 0x401e
.set INSTRUCTION_ERROR,  0x4400
.set EXIT_REASON,        0x4402
.set EXIT_INTERRUPTION,  0x4404
.set EXIT_INSTRUCTION_LENGTH, 0x440c
.set GUEST_INTERRUPTIBILITY,  0x4824
.set GUEST_ACTIVITY,     0x4826
.set TIMER_VALUE,        0x482e
.set HOST_SYSENTER_CS,   0x4c00
.set CR0_MASK,           0x6000
.set CR4_MASK,           0x6002
.set EXIT_QUALIFICATION, 0x6400
.set GUEST_CR0,          0x6800
.set GUEST_CR3,          0x6802
.set GUEST_CR4,          0x6804
.set GUEST_DR7,          0x681a
.set GUEST_RSP,          0x681c
.set GUEST_RIP,          0x681e
.set GUEST_RFLAGS,       0x6820
.set GUEST_PENDING_DEBUG, 0x6822
.set HOST_CR0,           0x6c00
.set HOST_CR3,           0x6c02
.set HOST_CR4,           0x6c04
.set HOST_RSP,           0x6c14
.set HOST_RIP,           0x6c16

# ----------------------------------------------------------------------------------------------------- macros

        .include "l1/macros.S"

# A VMX instruction fails by CF or ZF [31.2].
.macro  must_succeed
        ja      9f
        call    vm_failed
9:
.endm

# VMXON, VMCLEAR or VMPTRLD of a region of this vCPU's area, whose address they take from memory.
.macro  region insn, offset
        lea     \offset(%rbp), %rax
        push    %rax
        \insn   (%rsp)
        pop     %rax                       # keeps the flags
        must_succeed
.endm

# A field of the current VMCS, from and to a 64-bit register. RAX is lost.
.macro  vmcs_write field, value
        mov     $\field, %eax
        vmwrite \value, %rax
        must_succeed
.endm
.macro  vmcs_read field, value
        mov     $\field, %eax
        vmread  %rax, \value
        must_succeed
.endm

# A control field: the bits that the CPU demands and `wanted`; ZF=0 if it doesn't offer all of these.
.macro  controls field, msr, wanted
        mov     \wanted, %esi
        mov     $\msr, %ecx
        mov     $\field, %ebx
        call    write_controls
.endm

# Rows of `vmcs_fields`.
.macro  field name, value
        .quad   \name, \value
.endm
.macro  segment name, selector, rights, limit, base
        field   GUEST_\name\()_SELECTOR, \selector
        field   GUEST_\name\()_SELECTOR + LIMIT, \limit
        field   GUEST_\name\()_SELECTOR + RIGHTS, \rights
        field   GUEST_\name\()_SELECTOR + BASE, \base
.endm

# A CR, with the bits that VMX operation fixes [24.8]. `msr` says which must be 1; the one after it, which may be.
.macro  fix cr, msr
        mov     %\cr, %rbx
        mov     $\msr, %ecx
        rdmsr
        or      %eax, %ebx
        inc     %ecx
        rdmsr
        and     %eax, %ebx                 # both registers' high halves are 0
        mov     %rbx, %\cr
.endm

.macro  if_scene number, label
        cmpl    $\number, PARAMETERS + PARAM_SCENE
        je      \label
.endm
.macro  unless_scene number, label
        cmpl    $\number, PARAMETERS + PARAM_SCENE
        jne     \label
.endm

.macro  enter_l2 insn
        each_l2_gpr load
        mov     L2_RAX(%rbp), %rax
        mov     L2_RBP(%rbp), %rbp
        \insn
        jmp     entry_failed
.endm

# Bochs, on which the tests run KVM, takes no interrupt of the host's from VM entry to VM exit if IF is 0 at VM entry,
# whatever external-interrupt exiting says: its mask of events follows changes of IF only. A kick would then not bring
# the vCPU out. So L1 and L2 have IF=1, which means nothing to them, as they have no interrupt controller. Where IF
# must be 0, at a gate, reading an MSR that KVM emulates makes for VM exits to L0.
.macro  between_looks
        mov     $PAT, %ecx
        rdmsr
.endm

.macro  hypercall
        vmcall
.endm

# With a shadow VMCS L2 keeps its count in there too, in a field that is else of no meaning: GUEST_RIP. RDX is lost.
.macro  compare_own
        cmpl    $SCENE_SHADOW, %gs:L2_PARAMETERS + PARAM_SCENE
        jne     1f
        mov     $GUEST_RIP, %eax
        vmread  %rax, %rdx
        jbe     l2_gives_up
        add     %r14, %rdx
        cmp     %r15, %rdx
        jne     l2_gives_up
        vmwrite %r15, %rax
        jbe     l2_gives_up
1:
.endm

# -------------------------------------------------------------------------------------------------------- ROM

        .text
image:
        .asciz  "vcpud vmx-l1"

        .balign 4, 0xf4
scenes: .long   run_l2                     # 0
        .long   run_l2                     # 1
        .long   run_l2                     # 2
        .long   run_l2                     # 3
        .long   halt                       # 4
        .long   triple_fault               # 5
        .long   unhandled_port             # 6
        .long   unbacked_read              # 7
        .long   count_without_vmx          # 8
        .long   run_l2                     # 9
        .long   run_l2                     # 10
        .long   run_l2                     # 11
        .long   run_l2                     # 12
        .long   run_l2                     # 13
        .long   run_l2                     # 14
scenes_end:

# What the VMCS holds of every scene and vCPU alike. GS leads L2 to its counters, as IA32_KERNEL_GS_BASE does, so
# that L2 may swap them at any time. L1 leaves to L2 its page faults, its I/O and its MSRs.
        .balign 8, 0xf4
vmcs_fields:
        segment ES, DATA, DATA_RIGHTS, 0xffffffff, 0
        segment CS, CODE64, CODE64_RIGHTS, 0xffffffff, 0
        segment SS, DATA, DATA_RIGHTS, 0xffffffff, 0
        segment DS, DATA, DATA_RIGHTS, 0xffffffff, 0
        segment FS, DATA, DATA_RIGHTS, 0xffffffff, 0
        segment GS, DATA, DATA_RIGHTS, 0xffffffff, L2_BASE+COUNTERS
        segment LDTR, 0, LDT_RIGHTS, 0, 0
        segment TR, 0, TSS_RIGHTS, 0x67, 0
        field   GUEST_GDTR_LIMIT, gdt_end-gdt-1
        field   GUEST_GDTR_BASE, L2_BASE+L2_ROM+gdt-image
        field   GUEST_IDTR_LIMIT, l2_idt_end-l2_idt-1
        field   GUEST_IDTR_BASE, L2_BASE+L2_ROM+l2_idt-image
        field   GUEST_DEBUGCTL, 0
        field   GUEST_DR7, 0x400
        field   GUEST_RSP, L2_BASE+L2_STACK_TOP
        field   GUEST_RIP, L2_BASE+L2_ROM+l2-image
        field   GUEST_INTERRUPTIBILITY, 0
        field   GUEST_ACTIVITY, 0          # active
        field   GUEST_PENDING_DEBUG, 0
        field   VMCS_LINK_POINTER, -1      # no shadow VMCS
        field   EXCEPTION_BITMAP, 0xffffffff & ~(1<<14)
        field   PAGE_FAULT_MASK, 0         # with match: bit 14 alone decides [26.2]
        field   PAGE_FAULT_MATCH, 0
        field   CR0_MASK, 0
        field   CR4_MASK, 0
        field   CR3_TARGET_COUNT, 0
        field   ADDRESS_OF_MSR_BITMAP, MSR_BITMAP
        field   EXIT_MSR_STORES, 0
        field   EXIT_MSR_LOADS, 0
        field   ENTRY_MSR_LOADS, 0
        field   ENTRY_INTERRUPTION, 0
        field   HOST_ES_SELECTOR, DATA
        field   HOST_CS_SELECTOR, CODE64
        field   HOST_SS_SELECTOR, DATA
        field   HOST_DS_SELECTOR, DATA
        field   HOST_FS_SELECTOR, DATA
        field   HOST_GS_SELECTOR, DATA
        field   HOST_TR_SELECTOR, HOST_TR
        field   HOST_FS_BASE, 0
        field   HOST_GS_BASE, 0
        field   HOST_TR_BASE, 0
        field   HOST_GDTR_BASE, gdt
        field   HOST_IDTR_BASE, l1_idt
        field   HOST_SYSENTER_CS, 0
        field   HOST_RIP, vmexit
vmcs_fields_end:

        .include "l1/boot.S"

count_without_vmx:
        sti
        jmp     count_without_l2

# -------------------------------------------------------------------------------------- L1: into VMX operation

run_l2: sti
        mov     $1, %eax
        cpuid
        bt      $5, %ecx                   # VMX [24.6]
        jnc     no_vmx

        # Firmware locks this MSR; here is none. After a reset of the vCPU it may be locked already.
        mov     $FEATURE_CONTROL, %ecx
        rdmsr
        test    $LOCKED, %eax
        jnz     1f
        or      $LOCKED|VMX_OUTSIDE_SMX, %eax
        wrmsr
1:      test    $VMX_OUTSIDE_SMX, %eax
        jz      no_vmx

        fix     cr0, VMX_CR0_FIXED0
        fix     cr4, VMX_CR4_FIXED0        # VMXE is one of those that must be 1

        # R12 is the VMCS revision, R13 the distance to the TRUE capability MSRs, 0 where there are none.
        mov     $VMX_BASIC, %ecx
        rdmsr
        mov     %eax, %r12d
        xor     %r13d, %r13d
        test    $TRUE_CONTROLS, %edx
        jz      1f
        mov     $TRUE, %r13d
1:
        mov     %r12d, VMXON_REGION(%rbp)
        mov     %r12d, VMCS(%rbp)
        region  vmxon, VMXON_REGION

        # Here the vCPU is in VMX operation without a current VMCS: a nested state that is a header alone.
        unless_scene SCENE_VMXON, make_current
        wait_at_gate PARAMETERS, COUNTERS+L1_SPIN(%rbp)
make_current:
        region  vmclear, VMCS
        region  vmptrld, VMCS

        # And here again, after a VMCS was current.
        unless_scene SCENE_CLEARED, set_up
        region  vmclear, VMCS
        wait_at_gate PARAMETERS, COUNTERS+L1_SPIN(%rbp)
        region  vmptrld, VMCS

# -------------------------------------------------------------------------------------------- L1: L2's set-up

set_up: mov     $vmcs_fields, %ebx
1:      mov     (%rbx), %eax
        mov     8(%rbx), %rdx
        vmwrite %rdx, %rax
        must_succeed
        add     $16, %ebx
        cmp     $vmcs_fields_end, %ebx
        jb      1b

        # KVM wants the same fixed bits in L2's control registers as in L1's.
        mov     %cr0, %rdx
        vmcs_write HOST_CR0, %rdx
        vmcs_write GUEST_CR0, %rdx
        mov     %cr4, %rdx
        vmcs_write HOST_CR4, %rdx
        vmcs_write GUEST_CR4, %rdx
        mov     %cr3, %rdx
        vmcs_write HOST_CR3, %rdx
        lea     L1_STACK_TOP(%rbp), %rdx
        vmcs_write HOST_RSP, %rdx

        # In VMX this base is no part of a VMCS: L1, which has no use for it, gives it to L2 once.
        mov     $L2_BASE >> 32, %edx
        mov     $(L2_BASE + COUNTERS) & 0xffffffff, %eax
        mov     $KERNEL_GS_BASE, %ecx
        wrmsr

        # L2's tables. They lead to the same pages in both paging modes: at once, or in two steps.
        mov     %rbp, %r8
        mov     $PARAMETERS, %r9d
        mov     $ROM, %r10d
        xor     %esi, %esi
        xor     %r14d, %r14d               # secondary controls
        cmpl    $0, PARAMETERS + PARAM_PAGING
        jne     1f

        or      $SECONDARY_EPT, %r14d
        lea     NESTED_TABLES(%rbp), %rdi
        lea     EPT_POINTER_LOW(%rdi), %rdx
        vmcs_write EPT_POINTER, %rdx
        xor     %edx, %edx
        call    build_ept                  # from L2's physical addresses to L1's
        xor     %r8d, %r8d
        mov     $L2_PARAMETERS, %r9d
        mov     $L2_ROM, %r10d
        mov     %rbp, %rsi
1:
        lea     L2_TABLES(%rbp), %rdi
        mov     %rdi, %rdx
        sub     %rsi, %rdx
        vmcs_write GUEST_CR3, %rdx
        mov     $(L2_BASE >> 39 & 511) * 8, %edx
        call    build_page_tables          # from L2's virtual addresses to L2's physical, or L1's

        unless_scene SCENE_SHADOW, 2f
        or      $SECONDARY_SHADOW, %r14d
        btsl    $31, %r12d                 # SHADOW_INDICATOR
        mov     %r12d, SHADOW_VMCS(%rbp)
        region  vmclear, SHADOW_VMCS
        lea     SHADOW_VMCS(%rbp), %rdx
        vmcs_write VMCS_LINK_POINTER, %rdx
        mov     $VMREAD_BITMAP, %edx
        vmcs_write ADDRESS_OF_VMREAD_BITMAP, %rdx
        vmcs_write ADDRESS_OF_VMWRITE_BITMAP, %rdx
2:
        # Controls, R15 those that go with the scene.
        xor     %r15d, %r15d
        mov     $TIMER_LONG, %edx
        if_scene SCENE_TIMER_LONG, 3f
        mov     $TIMER_SHORT, %edx
        unless_scene SCENE_TIMER_SHORT, 4f
3:      call    arm_timer
        mov     $PIN_TIMER, %r15d
4:      controls PIN_CONTROLS, VMX_PIN, %r15d
        jnz     no_timer

        mov     $PROCESSOR_MSR_BITMAPS, %r15d
        mov     $RFLAGS_IF|2, %edx
        unless_scene SCENE_VIRQ, 5f
        or      $PROCESSOR_WINDOW, %r15d
        mov     $2, %edx
5:      vmcs_write GUEST_RFLAGS, %rdx
        test    %r14d, %r14d
        jz      6f
        or      $PROCESSOR_SECONDARY, %r15d
6:      controls PROCESSOR_CONTROLS, VMX_PROCESSOR, %r15d
        jnz     no_control
        test    %r14d, %r14d
        jz      7f
        controls SECONDARY_CONTROLS, VMX_SECONDARY, %r14d
        jnz     no_secondary
7:
        mov     $ENTRY_TO_64_BIT, %r15d
        controls ENTRY_CONTROLS, VMX_ENTRY, %r15d
        jnz     no_control
        mov     $EXIT_TO_64_BIT|EXIT_SAVE_TIMER, %r15d
        if_scene SCENE_TIMER_LONG, 8f
        if_scene SCENE_TIMER_SHORT, 8f
        mov     $EXIT_TO_64_BIT, %r15d     # saving a timer that is not armed is refused [27.2.1.2]
8:      controls EXIT_CONTROLS, VMX_EXIT, %r15d
        test    $EXIT_TO_64_BIT, %esi
        jnz     no_control                 # EXIT_SAVE_TIMER may be missing: the timer then starts at each entry

        # Here the vCPU has a current VMCS that was not launched, outside guest mode.
        unless_scene SCENE_CURRENT, vmlaunch
        wait_at_gate PARAMETERS, COUNTERS+L1_SPIN(%rbp)

# ----------------------------------------------------------------------------------------------- L1: the loop

vmlaunch:
        enter_l2 vmlaunch
vmresume:
        enter_l2 vmresume

        # The VM exit has brought back L1's RSP, RIP, control and segment registers; all else is L2's [28.5].
vmexit:
        push    %rbp
        mov     %rsp, %rbp
        and     $-AREA_BYTES, %rbp         # L1's stack is in the area
        popq    L2_RBP(%rbp)
        mov     %rax, L2_RAX(%rbp)
        each_l2_gpr save
        sti

        vmcs_read EXIT_REASON, %r8
        vmcs_read EXIT_QUALIFICATION, %r9
        vmcs_read EXIT_INTERRUPTION, %r10
        vmcs_read GUEST_RIP, %r11
        mov     %r8, COUNTERS + EXIT_CODE(%rbp)
        mov     %r9, COUNTERS + EXIT_INFO1(%rbp)
        mov     %r10, COUNTERS + EXIT_INFO2(%rbp)

        # Here the vCPU has a current VMCS that was launched, outside guest mode.
        unless_scene SCENE_LAUNCHED, handle_exit
        wait_at_gate PARAMETERS, COUNTERS+L1_SPIN(%rbp)
handle_exit:
        if_scene SCENE_TIMER_LONG, 1f
        unless_scene SCENE_TIMER_SHORT, 2f
1:      vmcs_read TIMER_VALUE, %rdx
        cmp     TIMER_LAST(%rbp), %rdx
        ja      timer_went_up
        mov     %rdx, TIMER_LAST(%rbp)
        cmp     $EXIT_TIMER, %r8
        je      timer_expired
2:
        cmp     $EXIT_VMCALL, %r8
        je      vmcall
        cmp     $EXIT_WINDOW, %r8
        je      interrupt_window
        jmp     panic

vmcall:
        cmpq    $0, L2_RAX(%rbp)
        jne     l2_corrupt
        vmcs_read EXIT_INSTRUCTION_LENGTH, %rdx
        add     %r11, %rdx
        vmcs_write GUEST_RIP, %rdx         # past the VMCALL
        call    count_hypercall
        jmp     vmresume

interrupt_window:
        unless_scene SCENE_VIRQ, panic
        vmcs_read PROCESSOR_CONTROLS, %rdx
        btr     $2, %rdx                   # PROCESSOR_WINDOW
        jnc     panic
        vmcs_write PROCESSOR_CONTROLS, %rdx
        mov     $INJECT_EXTERNAL|L2_VECTOR, %edx
        vmcs_write ENTRY_INTERRUPTION, %rdx  # its valid bit is cleared by the next VM exit [28.2]
        jmp     vmresume

timer_expired:
        incq    COUNTERS + L1_TIMER_COUNT(%rbp)
        mov     $TIMER_LONG, %edx
        if_scene SCENE_TIMER_LONG, 1f
        mov     $TIMER_SHORT, %edx
1:      call    arm_timer
        jmp     vmresume

# ------------------------------------------------------------------------------------------ L1: what may fail

no_vmx:
        call    begin_line
        put     " panic novmx"
        jmp     end_line_and_halt

no_control:
        call    begin_line
        put     " panic nocontrol"
        jmp     end_line_and_halt

no_secondary:
        test    $SECONDARY_SHADOW, %esi
        jnz     1f
        call    begin_line
        put     " panic noept"
        jmp     end_line_and_halt
1:      call    begin_line
        put     " panic noshadow"
        jmp     end_line_and_halt

no_timer:
        call    begin_line
        put     " panic notimer"
        jmp     end_line_and_halt

timer_went_up:
        call    begin_line
        put     " panic timer"
        jmp     end_line_and_halt

        # VMLAUNCH or VMRESUME went on to the next instruction: the general registers are L2's.
entry_failed:
        lahf                               # AND changes the flags
        mov     %rsp, %rbp
        and     $-AREA_BYTES, %rbp
        sahf
        call    vm_failed

        # ZF: the current VMCS has the error's number; CF: there is no current VMCS [31.2].
vm_failed:
        mov     $0, %r8d
        jc      1f
        mov     $INSTRUCTION_ERROR, %eax
        vmread  %rax, %r8
1:      pop     %r11
        call    begin_line
        put_field " panic vmfail=", %r8
        call    put_hex
        put_field " rip=", %r11
        call    put_hex
        jmp     end_line_and_halt

        .include "l1/console.S"

# -------------------------------------------------------------------------------------------- L1: subroutines

# Writes to the field RBX what `controls` asks for: ESI, and what the capability MSR ECX demands. ESI is then what of
# it the CPU doesn't offer, and ZF=1 if that is nothing. RAX, RCX and RDX are lost.
write_controls:
        cmp     $VMX_SECONDARY, %ecx
        je      1f
        add     %r13d, %ecx
1:      rdmsr
        or      %esi, %eax
        and     %edx, %eax
        not     %edx
        and     %edx, %esi
        mov     %eax, %edx
        vmwrite %rdx, %rbx
        must_succeed
        test    %esi, %esi
        ret

# Arms the VMX-preemption timer with RDX. RAX is lost.
arm_timer:
        mov     %rdx, TIMER_LAST(%rbp)
        vmcs_write TIMER_VALUE, %rdx
        ret

build_page_tables:
        table_builder PAGE_TABLE, PAGE_RW, PAGE_RO

build_ept:
        table_builder EPT_TABLE, EPT_RW, EPT_RO

# --------------------------------------------------------------------------------------------------------- L2

        .include "l1/l2.S"

# ----------------------------------------------------------------------------------------------- reset vector

        .org    0xfff0, 0xf4               # HLT, for what goes astray
        .code16
        jmp     real_mode                  # near: CS.base must stay the ROM's
        .org    0x10000, 0xf4
