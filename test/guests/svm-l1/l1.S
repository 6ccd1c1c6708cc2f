# A 64-bit L1 hypervisor for AMD SVM and the L2 guest that it runs, in one 64 KiB ROM.
#
# The demo and the tests move this guest between hosts. It needs a vCPU at its reset vector and RAM at GPA 0:
# no firmware, no interrupt controller, no device but the console port. State that gets lost or stale on the
# way does not go unnoticed: L2 keeps what it knows in RAM, in general registers, in XMM registers and behind
# GS, and compares them before every VMMCALL.
#
# Section numbers are those of the AMD64 Architecture Programmer's Manual, volume 2. layout.ts gives the
# host's side the numbers of this contract.
#
# Image
#   GPA 0xffff0000   this ROM, exactly 64 KiB: "vcpud svm-l1" at offset 0, reset vector at 0xfff0 [14.1.5].
#                    It is never written; its descriptors have their Accessed bit set beforehand.
#   GPA 0            RAM, 0x200000 + vCPUs * 0x20000 bytes. Each start writes all of it that L1 relies on, so
#                    a vCPU may be reset at any moment, with L2 running or not, and simply run again.
#
# Parameter block, GPA 0x1000. The host writes it before the start; the guest only reads it.
#   +0x00  u32  paging         0: L2 runs with nested paging; 1: without
#   +0x04  u32  scene          see below
#   +0x08  u64  increments     of l2_count between two VMMCALLs; 0: 65536, or 64 in scene 3
#   +0x10  u64  report         VMMCALLs between two lines on the console; 0: 8
#   +0x18  u64  gate           while not 0, the guest waits at its scene's gate; polled, so write it any time
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
# vCPU n, by its initial APIC id, CPUID 1 EBX[31:24], 0 to 63, has 128 KiB at GPA 0x200000 + n * 0x20000. They
# begin with these u64 counters; a start clears all but `starts`.
#   +0x00  l2_count            increments, made by L2 itself
#   +0x08  l1_count            VMMCALLs that L1 has handled
#   +0x10  l2_irq_count        interrupts that L2 has taken
#   +0x18  l2_pf_count         page faults that L2 has taken
#   +0x20  l1_spin             rounds of L1 at the gate, or in scene 8
#   +0x28  l2_spin             rounds of L2 at the gate
#   +0x30  starts              times that this vCPU has come from its reset vector; never cleared
#   +0x38  exit_code           EXITCODE of the last #VMEXIT
#   +0x40  exit_info1          EXITINFO1 of the same
#   +0x48  exit_info2          EXITINFO2 of the same
#
# Console, port 0xe9, one REP OUTSB a line. KVM exits to user space once for each byte of it.
#   cpu=0 start
#   cpu=0 l1=8 l2=524288
#   cpu=0 panic exit=0x7f info1=0x0 info2=0x0 rip=0xffff80000001111a  an unexpected #VMEXIT
#   cpu=0 panic exit=0x4d info1=0x0 info2=0x0 rip=0xffff0b92  an exception in L1: 0x40 + vector, error, CR2
#   cpu=0 panic l2 corrupt    L2 found its own state changed
#   cpu=0 panic nosvm         no SVM, though the scene needs it
#   cpu=0 panic nonp          no nested paging, though it is asked for
#   cpu=0 panic noscene       no such scene
# After a panic the vCPU executes CLI, HLT.

# ---------------------------------------------------------------------------------------------- numbers: ours

.set ROM,                0xffff0000

.set PARAMETERS,         0x1000            # GPA
.set   PARAM_PAGING,     0x00
.set   PARAM_SCENE,      0x04
.set   PARAM_INCREMENTS, 0x08
.set   PARAM_REPORT,     0x10
.set   PARAM_GATE,       0x18

# Shared by all vCPUs. Each writes the same values over the same values, so none sees another's start.
.set L1_PML4,            0x10000           # identity map of 4 GiB
.set L1_PDPT,            0x11000
.set L1_PD,              0x12000           # four pages
.set MSRPM,              0x16000           # two pages: L1 intercepts no MSR

# A vCPU's own 128 KiB.
.set AREA,               0x200000          # GPA of vCPU 0's
.set AREA_SHIFT,         17
.set AREA_BYTES,         1 << AREA_SHIFT
.set   COUNTERS,         0x00000
.set   L2_STACK_TOP,     0x02000
.set   L2_TABLES,        0x02000           # PML4, PDPT, PD, PT
.set   L2_VISIBLE,       0x06000           # L2 reaches what is below, L1 alone what is above
.set   NESTED_TABLES,    0x06000           # PML4, PDPT, PD, PT
.set   VMCB,             0x0a000
.set   L1_VMCB,          0x0b000           # for VMSAVE and VMLOAD of L1's own state
.set   HOST_SAVE,        0x0c000           # VM_HSAVE_PA
.set   L2_GPRS,          0x0d000           # RBX RCX RDX RSI RDI R8..R15
.set   L2_RBP,           0x0d080
.set   LINE,             0x0d100           # the console line in the making
.set   L1_STACK_TOP,     0x0f000
.set   AREA_USED,        0x0f000

.set L2_COUNT,           0x00
.set L1_COUNT,           0x08
.set L2_IRQ_COUNT,       0x10
.set L2_PF_COUNT,        0x18
.set L1_SPIN,            0x20
.set L2_SPIN,            0x28
.set STARTS,             0x30
.set EXIT_CODE,          0x38
.set EXIT_INFO1,         0x40
.set EXIT_INFO2,         0x48

# What L2 sees. Its virtual addresses are not its physical ones, and those, with nested paging, are not L1's:
# no wrong CR3 or nested CR3 can pass for the right one. With nested paging L2's physical address is the
# offset from L2_BASE.
.set L2_BASE,            0xffff800000000000
.set   L2_PARAMETERS,    0x08000           # read-only
.set   L2_ROM,           0x10000           # read-only
.set   L2_UNMAPPED,      0x200000          # nothing from here on

.set SCENE_GIF_CLEAR,    1
.set SCENE_VIRQ,         2
.set SCENE_PAGE_FAULT,   3

.set CONSOLE,            0xe9
.set UNHANDLED_PORT,     0x510
.set UNBACKED_GPA,       0xd0000000

.set L2_VECTOR,          0x40
.set L2_CORRUPT,         0xbad             # RAX of a VMMCALL by which L2 gives up; else 0
.set L2_PATTERN,         0x5ca1ab1e0ddba11

# -------------------------------------------------------------------------------------- numbers: the manual's

.set CR0_PROTECTED,      0x00000011        # ET PE
.set CR0_LONG,           0x80010033        # PG WP NE ET MP PE. CD=0: with NW=1 VMRUN would refuse it [15.5.1]
.set CR4_LONG,           0x00000620        # OSXMMEXCPT OSFXSR PAE
.set EFER,               0xc0000080
.set   EFER_LME,         1 << 8
.set   EFER_LMA,         1 << 10
.set   EFER_SVME,        1 << 12
.set PAT,                0x277
.set VM_HSAVE_PA,        0xc0010117

# Accessed and Dirty are set beforehand, so that no CPU writes to a table. User is set because to the nested
# tables every access is a user's [15.25, Nested Table Walk].
.set PAGE_TABLE,         0x67              # D A US RW P
.set PAGE_RW,            0x67
.set PAGE_RO,            0x25              #   A US    P
.set PAGE_2M,            0xe7              # PS D A US RW P

# Selectors of `gdt`, and their attributes as a VMCB holds them.
.set CODE64,             0x08
.set DATA,               0x10
.set CODE32,             0x18
.set   CODE64_ATTRIB,    0xa9b
.set   DATA_ATTRIB,      0xc93
.set   LDT_ATTRIB,       0x082
.set   TSS_ATTRIB,       0x08b

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
.set   VMEXIT_EXCEPTION,    0x40
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

# One gate of an IDT. Both IDTs can be constants, as the ROM lies at a multiple of 64 KiB for L1 and L2 alike:
# the low 16 bits of a handler's address are its offset in the image, and the rest is known.
.macro  gate handler, rom
        .word   (\handler) - image, CODE64, 0x8e00, ((\rom) >> 16) & 0xffff
        .long   ((\rom) >> 32) & 0xffffffff, 0
.endm

# Page table entries at EDI: `count` of them, from `first` on in steps of `step`. An entry is not cleared
# before it is written, as another vCPU may be running on the same table.
.macro  entries count, first, step
        mov     $\first, %ebx
        mov     $\count, %ecx
1:      mov     %ebx, %eax
        stosl
        xor     %eax, %eax
        stosl
        add     $\step, %ebx
        loop    1b
.endm

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

# `mov` between L2's general registers and their slots in L2_GPRS. RAX and RSP are in the VMCB; RBP, which
# finds the slots, is left to the caller.
.macro  each_l2_gpr mov
        .set    slot, L2_GPRS
        .irp    gpr, rbx, rcx, rdx, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
        \mov    \gpr, slot
        .set    slot, slot + 8
        .endr
.endm
.macro  load gpr, slot
        mov     \slot(%rbp), %\gpr
.endm
.macro  save gpr, slot
        mov     %\gpr, \slot(%rbp)
.endm

# Waits while the gate is shut. `parameters` is where the one who waits sees the block, `spin` its counter.
.macro  wait_at_gate parameters, spin
1:      cmpq    $0, \parameters + PARAM_GATE
        je      2f
        incq    \spin
        pause
        jmp     1b
2:
.endm

# Appends text to the console line.
.macro  put text
        call    put_inline
        .asciz  "\text"
.endm
.macro  put_field text, value
        put     "\text"
        mov     \value, %rax
.endm

# ----------------------------------------------------------------------------------------------- ROM's tables

        .text
image:
        .asciz  "vcpud svm-l1"

        .balign 16, 0xf4
gdt:    .quad   0
        .quad   0x00af9b000000ffff         # CODE64
        .quad   0x00cf93000000ffff         # DATA
        .quad   0x00cf9b000000ffff         # CODE32
gdt_end:

        .balign 16, 0xf4
l1_idt: .set    vector, 0
        .rept   32
        gate    l1_exceptions+16*vector, ROM
        .set    vector, vector + 1
        .endr
l1_idt_end:

# L2 handles the one exception and the one interrupt that it expects. L1 intercepts every other exception.
        .balign 16, 0xf4
l2_idt: .fill   14 * 16, 1, 0
        gate    l2_page_fault, L2_BASE+L2_ROM
        .fill   (L2_VECTOR - 15) * 16, 1, 0
        gate    l2_interrupt, L2_BASE+L2_ROM
l2_idt_end:

gdtr:   .word   gdt_end - gdt - 1
        .quad   gdt
l1_idtr:
        .word   l1_idt_end - l1_idt - 1
        .quad   l1_idt
no_idtr:
        .word   0
        .quad   0

        .balign 4, 0xf4
scenes: .long   run_l2                     # 0
        .long   run_l2                     # 1
        .long   run_l2                     # 2
        .long   run_l2                     # 3
        .long   halt                       # 4
        .long   triple_fault               # 5
        .long   unhandled_port             # 6
        .long   unbacked_read              # 7
        .long   count_without_svm          # 8
scenes_end:

# --------------------------------------------------------------------- L1: from the reset vector to long mode

        .code16
real_mode:
        lgdtl   %cs:gdtr - image           # CS.base is the ROM's, every other base is 0
        mov     $CR0_PROTECTED, %eax
        mov     %eax, %cr0
        ljmpl   $CODE32, $protected_mode

        .code32
protected_mode:
        mov     $DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        cld

        mov     $L1_PML4, %edi
        entries 1, L1_PDPT+PAGE_TABLE, 0
        entries 511, 0, 0
        entries 4, L1_PD+PAGE_TABLE, 0x1000
        entries 508, 0, 0
        entries 4*512, PAGE_2M, 0x200000
        entries 2*512, 0, 0                # the MSRPM

        mov     $CR4_LONG, %eax
        mov     %eax, %cr4
        mov     $L1_PML4, %eax
        mov     %eax, %cr3
        mov     $EFER, %ecx
        rdmsr
        or      $EFER_LME, %eax
        wrmsr
        mov     $CR0_LONG, %eax
        mov     %eax, %cr0
        ljmpl   $CODE64, $long_mode

        .code64
long_mode:
        mov     $1, %eax
        cpuid
        shr     $24, %ebx
        shl     $AREA_SHIFT, %ebx
        lea     AREA(%rbx), %ebp           # RBP is this vCPU's area, wherever L1 runs

        # Clear the area around `starts`, which must survive a reset at any instruction.
        xor     %eax, %eax
        mov     %ebp, %edi
        mov     $STARTS / 8, %ecx
        rep stosq
        incq    (%rdi)
        add     $8, %rdi
        mov     $(AREA_USED - STARTS - 8) / 8, %ecx
        rep stosq

        lea     L1_STACK_TOP(%rbp), %rsp
        lidt    l1_idtr(%rip)

        call    begin_line
        put     " start"
        call    end_line

        mov     PARAMETERS + PARAM_SCENE, %eax
        cmp     $(scenes_end - scenes) / 4, %eax
        jae     no_scene
        mov     $scenes, %ecx
        mov     (%rcx, %rax, 4), %eax
        jmp     *%rax

# ----------------------------------------------------------------------------------- L1: scenes without an L2

triple_fault:
        lidt    no_idtr(%rip)
        ud2

unhandled_port:
        mov     $UNHANDLED_PORT, %edx
        mov     $0x5a, %al
        out     %al, %dx
        jmp     halt

unbacked_read:
        mov     $UNBACKED_GPA, %ebx
        mov     (%rbx), %eax
        jmp     halt

count_without_svm:
        incq    COUNTERS + L1_SPIN(%rbp)
        jmp     count_without_svm

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
        vmcb_u32 MSRPM, MSRPM
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
        incq    COUNTERS + L1_COUNT(%rbp)

        mov     PARAMETERS + PARAM_REPORT, %rcx
        test    %rcx, %rcx
        jnz     1f
        mov     $8, %ecx
1:      mov     COUNTERS + L1_COUNT(%rbp), %rax
        xor     %edx, %edx
        div     %rcx
        test    %rdx, %rdx
        jnz     vmrun

        call    begin_line
        put_field " l1=", COUNTERS+L1_COUNT(%rbp)
        call    put_decimal
        put_field " l2=", COUNTERS+L2_COUNT(%rbp)
        call    put_decimal
        call    end_line
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

no_scene:
        call    begin_line
        put     " panic noscene"
        jmp     end_line_and_halt

l2_corrupt:
        call    begin_line
        put     " panic l2 corrupt"
        jmp     end_line_and_halt

        # One entry a vector, 16 bytes each. They make all frames alike: vector, error code, RIP, CS, ...
        .set    VECTORS_WITH_ERROR_CODE, 1<<8|1<<10|1<<11|1<<12|1<<13|1<<14|1<<17|1<<21|1<<29|1<<30
        .balign 16, 0xf4
l1_exceptions:
        .set    vector, 0
        .rept   32
        .balign 16, 0xf4
        .if     !(VECTORS_WITH_ERROR_CODE >> vector & 1)
        push    $0
        .endif
        push    $vector
        jmp     l1_exception
        .set    vector, vector + 1
        .endr

        # An exception in L1 is reported as SVM reports an intercepted one in L2 [15.12].
l1_exception:
        mov     %rsp, %rbp
        and     $-AREA_BYTES, %rbp
        pop     %r8
        add     $VMEXIT_EXCEPTION, %r8
        pop     %r9
        mov     %cr2, %r10
        pop     %r11

panic:
        call    begin_line
        put_field " panic exit=", %r8
        call    put_hex
        put_field " info1=", %r9
        call    put_hex
        put_field " info2=", %r10
        call    put_hex
        put_field " rip=", %r11
        call    put_hex

end_line_and_halt:
        call    end_line
halt:   cli
        hlt
        jmp     halt

# -------------------------------------------------------------------------------------------- L1: subroutines

# Builds PML4, PDPT, PD and PT in the four cleared pages at RDI. They map L2's own pages to R8, the parameter
# block to R9 and the ROM to R10. RDX is the offset of the PML4's one entry. RSI is subtracted from the
# tables' own addresses, to make those of L1 those of L2. RAX, RCX and RDI are lost.
build_tables:
        lea     0x1000 + PAGE_TABLE(%rdi), %rax
        sub     %rsi, %rax
        mov     %rax, (%rdi, %rdx)
        add     $0x1000, %rax
        mov     %rax, 0x1000(%rdi)
        add     $0x1000, %rax
        mov     %rax, 0x2000(%rdi)

        lea     0x3000(%rdi), %rdi
        lea     PAGE_RO(%r9), %rax
        mov     %rax, (L2_PARAMETERS >> 12) * 8(%rdi)
        xor     %ecx, %ecx
        lea     PAGE_RW(%r8), %rax
1:      mov     %rax, (%rdi, %rcx, 8)
        add     $0x1000, %rax
        inc     %ecx
        cmp     $L2_VISIBLE >> 12, %ecx
        jb      1b
        mov     $L2_ROM >> 12, %ecx
        lea     PAGE_RO(%r10), %rax
2:      mov     %rax, (%rdi, %rcx, 8)
        add     $0x1000, %rax
        inc     %ecx
        cmp     $(L2_ROM >> 12) + 16, %ecx
        jb      2b
        ret

# The console line, which ends at RDI. RAX, RCX, RDX and RSI are lost.
begin_line:
        lea     LINE(%rbp), %rdi
        put     "cpu="
        lea     -AREA(%rbp), %rax
        shr     $AREA_SHIFT, %rax
put_decimal:
        mov     $10, %ecx
        jmp     put_digits
put_hex:
        put     "0x"
        mov     $16, %ecx
put_digits:                                # RAX in base RCX
        xor     %edx, %edx
        div     %rcx
        push    %rdx
        test    %rax, %rax
        jz      1f
        call    put_digits
1:      pop     %rax
        mov     $digits, %edx
        mov     (%rdx, %rax), %al
        stosb
        ret
digits: .ascii  "0123456789abcdef"

put_inline:                                # the text stands where the call would return to; RAX is kept
        pop     %rsi
1:      cmpb    $0, (%rsi)
        movsb
        jne     1b
        dec     %rdi
        jmp     *%rsi

end_line:
        mov     $'\n', %al
        stosb
        mov     %rdi, %rcx
        lea     LINE(%rbp), %rsi
        sub     %rsi, %rcx
        mov     $CONSOLE, %edx
        rep outsb
        ret

# --------------------------------------------------------------------------------------------------------- L2
#
#   GS    its counters                     RBX   L2_PATTERN
#   R15   l2_count, as it must be          XMM0  l2_count, and l2_count + L2_PATTERN in the high half
#   R13   l2_pf_count, as it must be       XMM1  1, and 1 in the high half
#   R12   l2_irq_count, as it must be      R14   increments between two VMMCALLs

l2:
        movabs  $L2_PATTERN, %rbx
        movq    %rbx, %xmm0
        pslldq  $8, %xmm0
        mov     $1, %eax
        movq    %rax, %xmm1
        punpcklqdq %xmm1, %xmm1

        mov     %gs:L2_PARAMETERS + PARAM_INCREMENTS, %r14
        mov     %gs:L2_PARAMETERS + PARAM_SCENE, %eax
        cmp     $SCENE_PAGE_FAULT, %eax
        je      l2_page_faults
        test    %r14, %r14
        jnz     1f
        mov     $65536, %r14d
1:      cmp     $SCENE_VIRQ, %eax
        jne     l2_counts

        wait_at_gate %gs:L2_PARAMETERS, %gs:COUNTERS+L2_SPIN
        inc     %r12
        # Touch what delivery needs, IDT, GDT and stack. QEMU's TCG, on which the tests run KVM, reports a
        # nested page fault during an interrupt's delivery as one during an exception's (EXITINTINFO.TYPE 3
        # for 0), and KVM then injects an exception 0x40, which VMRUN refuses. A CPU reports it rightly.
        push    l2_idt + L2_VECTOR * 16(%rip)
        pop     %rax
        sti                                # takes effect after the next instruction

l2_counts:
        mov     %r14, %rcx
1:      incq    %gs:COUNTERS + L2_COUNT
        inc     %r15
        paddq   %xmm1, %xmm0
        dec     %rcx
        jnz     1b
        call    l2_calls_l1
        jmp     l2_counts

        # The address changes with each round, so that a fault that comes with an earlier one's CR2 shows.
l2_page_faults:
        test    %r14, %r14
        jnz     1f
        mov     $64, %r14d
1:      movabs  $L2_BASE + L2_UNMAPPED, %r8
        mov     $CONSOLE, %edx
2:      mov     %r14, %rcx
3:      movzwl  %r15w, %esi
        add     %r8, %rsi
        inc     %r13
l2_outsb:
        outsb
        incq    %gs:COUNTERS + L2_COUNT
        inc     %r15
        paddq   %xmm1, %xmm0
        dec     %rcx
        jnz     3b
        call    l2_calls_l1
        jmp     2b

l2_page_fault:                             # error code, RIP, CS, RFLAGS, RSP, SS
        mov     %cr2, %rax
        cmp     %rsi, %rax
        jne     l2_gives_up
        cmpq    $0, (%rsp)                 # a read by the supervisor of a page that is not present
        jne     l2_gives_up
        lea     l2_outsb(%rip), %rax
        cmp     %rax, 8(%rsp)
        jne     l2_gives_up
        incq    %gs:COUNTERS + L2_PF_COUNT
        incq    8(%rsp)                    # past the OUTSB
        add     $8, %rsp
        iretq

l2_interrupt:
        incq    %gs:COUNTERS + L2_IRQ_COUNT
        iretq

        # What L2 knows twice must agree. RAX and XMM2 are lost.
l2_calls_l1:
        swapgs
        cmp     %r15, %gs:COUNTERS + L2_COUNT
        jne     l2_gives_up
        cmp     %r13, %gs:COUNTERS + L2_PF_COUNT
        jne     l2_gives_up
        cmp     %r12, %gs:COUNTERS + L2_IRQ_COUNT
        jne     l2_gives_up
        movq    %xmm0, %rax
        cmp     %r15, %rax
        jne     l2_gives_up
        movhlps %xmm0, %xmm2
        movq    %xmm2, %rax
        sub     %r15, %rax
        cmp     %rbx, %rax
        jne     l2_gives_up
        xor     %eax, %eax
        vmmcall
        ret

l2_gives_up:
        mov     $L2_CORRUPT, %eax
        vmmcall
        ud2

# ----------------------------------------------------------------------------------------------- reset vector

        .org    0xfff0, 0xf4               # HLT, for what goes astray
        .code16
        jmp     real_mode                  # near: CS.base must stay the ROM's
        .org    0x10000, 0xf4
