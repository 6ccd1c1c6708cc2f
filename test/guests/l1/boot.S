# Tables of the ROM, L1 from the reset vector to its scene, and the scenes without an L2. Each L1 includes it right
# after `image`, which the ROM begins with, and the table `scenes`.

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
        entries 2*512, 0, 0                # ZEROS

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

count_without_l2:
        incq    COUNTERS + L1_SPIN(%rbp)
        jmp     count_without_l2
