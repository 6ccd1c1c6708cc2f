# A 64-bit L1 hypervisor for AMD SVM and the L2 guest that it runs, in one 64 KiB ROM.
#
# The demo and the tests move this guest between hosts. It needs a vCPU at its reset vector and RAM at GPA 0:
# no firmware, no interrupt controller, no device but the console port. State that gets lost or stale on the
# way does not go unnoticed: L2 keeps what it knows in RAM, in general registers, in XMM registers and behind
# GS, and compares them before every VMMCALL.
#
# Section numbers are those of the AMD64 Architecture Programmer's Manual, volume 2. The files of ../l1, which
# this L1 shares with that for VMX, are included where their code stands; numbers.S describes the image, the
# parameter block, the counters and the console.
#
# Scenes
#   0  L2 counts and calls L1, for ever
#   1  the same, and after each VMMCALL's #VMEXIT, with GIF=0, L1 passes the gate
#   2  L2 is entered with a virtual interrupt pending, passes the gate with IF=0, takes it once, then as in 0
#   3  before each increment L2 takes a page fault in an OUTSB that L1 leaves to it and L0 therefore emulates
#   4  L1 halts
#   5  L1 triple-faults
#   6  L1 writes a byte to port 0x510, then halts
#   7  L1 reads four bytes at GPA 0xd0000000, then halts
#   8  L1 counts l1_spin in long mode, for ever; EFER.SVME stays 0
#
# Panics of its own
#   nosvm      no SVM, though the scene needs it
#   nonp       no nested paging, though it is asked for
# An exception in L1 is reported as SVM reports an intercepted one in L2, by EXITCODE 0x40 + vector [15.12].

        .include "l1/numbers.S"

# ---------------------------------------------------------------------------------------------- numbers: ours

# Of a vCPU's area.
.set VMCB,               STRUCTURES
.set L1_VMCB,            STRUCTURES + 0x1000  # for VMSAVE and VMLOAD of L1's own state
.set HOST_SAVE,          STRUCTURES + 0x2000  # VM_HSAVE_PA

.set SCENE_GIF_CLEAR,    1

# -------------------------------------------------------------------------------------- numbers: the manual's

.set VM_HSAVE_PA,        0xc0010117

# Attributes of a segment, as a VMCB holds them.
.set CODE64_ATTRIB,      0xa9b
.set DATA_ATTRIB,        0xc93
.set LDT_ATTRIB,         0x082
.set TSS_ATTRIB,         0x08b

# VMCB, control area [table B-1]
.set VMCB_EXCEPTIONS,    0x008
.set VMCB_MISC1,         0x00c
.set   INTERCEPT_MSR,       1 << 28
.set   INTERCEPT_SHUTDOWN,  1 << 31
.set VMCB_MISC2,         0x010
.set   INTERCEPT_VMRUN,     1 << 0
.set   INTERCEPT_VMMCALL,   1 << 1
.set VMCB_MSRPM,         0x048
.set VMCB_ASID,          0x058
.set VMCB_INT_CTL,       0x060
.set   V_IRQ,               1 << 8
.set   V_IGN_TPR,           1 << 20
.set   V_INTR_MASKING,      1 << 24
.set VMCB_INT_VECTOR,    0x064
.set VMCB_EXIT_CODE,     0x070
.set   L1_EXCEPTION,        0x40      # of exception 0, intercepted
.set   VMEXIT_VMMCALL,      0x81
.set VMCB_EXIT_INFO1,    0x078
.set VMCB_EXIT_INFO2,    0x080
.set VMCB_NESTED_CTL,    0x090
.set   NESTED_PAGING,       1 << 0
.set VMCB_NESTED_CR3,    0x0b0

# VMCB, save area [table B-2]. A segment: u16 selector, u16 attributes, u32 limit, u64 base.
.set VMCB_ES,            0x400
.set VMCB_CS,            0x410
.set VMCB_SS,            0x420
.set VMCB_DS,            0x430
.set VMCB_FS,            0x440
.set VMCB_GS,            0x450
.set VMCB_GDTR,          0x460
.set VMCB_LDTR,          0x470
.set VMCB_IDTR,          0x480
.set VMCB_TR,            0x490
.set   LIMIT,               0x4
.set   BASE,                0x8
.set VMCB_EFER,          0x4d0
.set VMCB_CR4,           0x548
.set VMCB_CR3,           0x550
.set VMCB_CR0,           0x558
.set VMCB_DR7,           0x560
.set VMCB_DR6,           0x568
.set VMCB_RFLAGS,        0x570
.set VMCB_RIP,           0x578
.set VMCB_RSP,           0x5d8
.set VMCB_RAX,           0x5f8
.set VMCB_KERNEL_GS,     0x620
.set VMCB_PAT,           0x668

# ----------------------------------------------------------------------------------------------------- macros

        .include "l1/macros.S"

# Fields of the VMCB at RBX.
.macro  vmcb_u32 field, value
        movl    $\value, VMCB_\field(%rbx)
.endm
.macro  vmcb_u64 field, value
        movabs  $\value, %rax
        mov     %rax, VMCB_\field(%rbx)
.endm
.macro  vmcb_segment name, selector, attrib, limit, base
        movl    $\selector | \attrib << 16, VMCB_\name(%rbx)
        movl    $\limit, VMCB_\name + LIMIT(%rbx)
        vmcb_u64 \name + BASE, \base
.endm

.macro  between_looks
        pause
.endm
.macro  hypercall
        vmmcall
.endm
.macro  compare_own                        # all that L2 has, it has with VMX too
.endm

# -------------------------------------------------------------------------------------------------------- ROM

        .text
image:
        .asciz  "vcpud svm-l1"

        .balign 4, 0xf4
scenes: .long   run_l2                     # 0
        .long   run_l2                     # 1
        .long   run_l2                     # 2
        .long   run_l2                     # 3
        .long   halt                       # 4
        .long   triple_fault               # 5
        .long   unhandled_port             # 6
        .long   unbacked_read              # 7
        .long   count_without_l2           # 8
scenes_end:

        .include "l1/boot.S"

# -------------------------------------------------------------------------------------------- L1: L2's set-up

run_l2:
        # SVM is CPUID 8000_0001 ECX[2], nested paging CPUID 8000_000a EDX[0] [15.4, 15.25].
        mov     $0x80000000, %eax
        cpuid
        cmp     $0x8000000a, %eax
        jb      no_svm
        mov     $0x80000001, %eax
        cpuid
        bt      $2, %ecx
        jnc     no_svm
        mov     $0x8000000a, %eax
        cpuid
        mov     %edx, %r12d

        mov     $EFER, %ecx
        rdmsr
        or      $EFER_SVME, %eax
        wrmsr

        lea     HOST_SAVE(%rbp), %rax
        xor     %edx, %edx
        mov     $VM_HSAVE_PA, %ecx
        wrmsr

        # What of L1's state neither VMRUN nor #VMEXIT moves: FS, GS, TR, LDTR, KernelGSBase, STAR, SYSENTER
        # and the like [15.5.2]. Saved once, as L1 does not change it.
        lea     L1_VMCB(%rbp), %rax
        vmsave  %rax

        lea     VMCB(%rbp), %rbx

        # L2's tables. They lead to the same pages in both paging modes: at once, or in two steps.
        mov     %rbp, %r8
        mov     $PARAMETERS, %r9d
        mov     $ROM, %r10d
        xor     %esi, %esi
        cmpl    $0, PARAMETERS + PARAM_PAGING
        jne     1f

        bt      $0, %r12d
        jnc     no_nested_paging
        lea     NESTED_TABLES(%rbp), %rdi
        mov     %rdi, VMCB_NESTED_CR3(%rbx)
        vmcb_u32 NESTED_CTL, NESTED_PAGING
        xor     %edx, %edx
        call    build_tables               # from L2's physical addresses to L1's
        xor     %r8d, %r8d
        mov     $L2_PARAMETERS, %r9d
        mov     $L2_ROM, %r10d
        mov     %rbp, %rsi
1:
        lea     L2_TABLES(%rbp), %rdi
        mov     %rdi, %rax
        sub     %rsi, %rax
        mov     %rax, VMCB_CR3(%rbx)
        mov     $(L2_BASE >> 39 & 511) * 8, %edx
        call    build_tables               # from L2's virtual addresses to L2's physical, or L1's

        # Control area. L1 leaves to L2 its page faults, its I/O and, by an MSRPM without a bit set, its MSRs.
        # SHUTDOWN is intercepted, as L1 would else share L2's fate.
        vmcb_u32 EXCEPTIONS, ~(1<<14)
        vmcb_u32 MISC1, INTERCEPT_MSR|INTERCEPT_SHUTDOWN
        vmcb_u32 MISC2, INTERCEPT_VMRUN|INTERCEPT_VMMCALL
        vmcb_u32 MSRPM, ZEROS
        vmcb_u32 ASID, 1
        vmcb_u32 INT_CTL, V_INTR_MASKING
        cmpl    $SCENE_VIRQ, PARAMETERS + PARAM_SCENE
        jne     2f
        vmcb_u32 INT_CTL, V_INTR_MASKING|V_IGN_TPR|V_IRQ
        vmcb_u32 INT_VECTOR, L2_VECTOR
2:
        # Save area. GS and KernelGSBase both lead L2 to its counters, so that L2 may swap them at any time.
        vmcb_segment ES, DATA, DATA_ATTRIB, 0xffffffff, 0
        vmcb_segment CS, CODE64, CODE64_ATTRIB, 0xffffffff, 0
        vmcb_segment SS, DATA, DATA_ATTRIB, 0xffffffff, 0
        vmcb_segment DS, DATA, DATA_ATTRIB, 0xffffffff, 0
        vmcb_segment FS, DATA, DATA_ATTRIB, 0xffffffff, 0
        vmcb_segment GS, DATA, DATA_ATTRIB, 0xffffffff, L2_BASE+COUNTERS
        vmcb_segment LDTR, 0, LDT_ATTRIB, 0, 0
        vmcb_segment TR, 0, TSS_ATTRIB, 0x67, 0
        vmcb_segment GDTR, 0, 0, gdt_end-gdt-1, L2_BASE+L2_ROM+gdt-image
        vmcb_segment IDTR, 0, 0, l2_idt_end-l2_idt-1, L2_BASE+L2_ROM+l2_idt-image
        vmcb_u64 KERNEL_GS, L2_BASE+COUNTERS
        vmcb_u64 EFER, EFER_SVME|EFER_LMA|EFER_LME  # VMRUN refuses a guest without SVME [15.5.1]
        vmcb_u64 CR0, CR0_LONG
        vmcb_u64 CR4, CR4_LONG
        vmcb_u64 DR6, 0xffff0ff0
        vmcb_u64 DR7, 0x400
        vmcb_u64 RFLAGS, 0x2
        vmcb_u64 RSP, L2_BASE+L2_STACK_TOP
        vmcb_u64 RIP, L2_BASE+L2_ROM+l2-image
        mov     $PAT, %ecx
        rdmsr
        mov     %eax, VMCB_PAT(%rbx)
        mov     %edx, VMCB_PAT + 4(%rbx)

# ----------------------------------------------------------------------------------------------- L1: the loop

        # With GIF=0 nothing interrupts L1 while the registers are L2's: CLGI clears it, VMRUN sets it for L2,
        # #VMEXIT clears it again, and STGI sets it once all is put away [15.17].
vmrun:
        clgi
        lea     VMCB(%rbp), %rax
        each_l2_gpr load
        mov     L2_RBP(%rbp), %rbp
        vmload  %rax
        vmrun   %rax

        # #VMEXIT has brought back L1's RAX, RSP, RIP, control and segment registers; all else is L2's [15.6].
vmexit:
        vmsave  %rax
        push    %rbp
        mov     %rsp, %rbp
        and     $-AREA_BYTES, %rbp         # L1's stack is in the area
        popq    L2_RBP(%rbp)
        each_l2_gpr save
        lea     L1_VMCB(%rbp), %rax
        vmload  %rax

        mov     VMCB + VMCB_EXIT_CODE(%rbp), %r8
        mov     VMCB + VMCB_EXIT_INFO1(%rbp), %r9
        mov     VMCB + VMCB_EXIT_INFO2(%rbp), %r10
        mov     VMCB + VMCB_RIP(%rbp), %r11
        mov     %r8, COUNTERS + EXIT_CODE(%rbp)
        mov     %r9, COUNTERS + EXIT_INFO1(%rbp)
        mov     %r10, COUNTERS + EXIT_INFO2(%rbp)

        # Here the vCPU has GIF=0 outside guest mode: a nested state that is a header alone, and yet a state.
        cmpl    $SCENE_GIF_CLEAR, PARAMETERS + PARAM_SCENE
        jne     gif_set
        wait_at_gate PARAMETERS, COUNTERS+L1_SPIN(%rbp)
gif_set:
        stgi

        cmp     $VMEXIT_VMMCALL, %r8
        jne     panic
        cmpq    $0, VMCB + VMCB_RAX(%rbp)
        jne     l2_corrupt
        addq    $3, VMCB + VMCB_RIP(%rbp)  # past the VMMCALL; not every CPU gives nRIP [15.7.1]
        call    count_hypercall
        jmp     vmrun

# ------------------------------------------------------------------------------------------ L1: what may fail

no_svm:
        call    begin_line
        put     " panic nosvm"
        jmp     end_line_and_halt

no_nested_paging:
        call    begin_line
        put     " panic nonp"
        jmp     end_line_and_halt

        .include "l1/console.S"

build_tables:
        table_builder PAGE_TABLE, PAGE_RW, PAGE_RO

# --------------------------------------------------------------------------------------------------------- L2

        .include "l1/l2.S"

# ----------------------------------------------------------------------------------------------- reset vector

        .org    0xfff0, 0xf4               # HLT, for what goes astray
        .code16
        jmp     real_mode                  # near: CS.base must stay the ROM's
        .org    0x10000, 0xf4
