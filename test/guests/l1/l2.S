# The L2 of both L1s. What it knows it knows twice, and compares before each hypercall; `hypercall` is the vendor's
# instruction, and `compare_own` what L2 compares of state that only one vendor has.
#
#   GS    its counters                     RBX   L2_PATTERN
#   R15   l2_count, as it must be          XMM0  l2_count, and l2_count + L2_PATTERN in the high half
#   R13   l2_pf_count, as it must be       XMM1  1, and 1 in the high half
#   R12   l2_irq_count, as it must be      R14   increments between two hypercalls

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
        compare_own
        xor     %eax, %eax
        hypercall
        ret

l2_gives_up:
        mov     $L2_CORRUPT, %eax
        hypercall
        ud2
