# Macros of both L1s. numbers.S comes before them.

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

# `mov` between L2's general registers and their slots in L2_GPRS. RSP and, with SVM, RAX are in the vendor's
# structure; RBP, which finds the slots, is left to the caller.
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

# Waits while the gate is shut. `parameters` is where the one who waits sees the block, `spin` its counter. Each L1
# says by `between_looks` what is done between two looks at it; RAX, RCX and RDX may be lost.
.macro  wait_at_gate parameters, spin
1:      cmpq    $0, \parameters + PARAM_GATE
        je      2f
        incq    \spin
        between_looks
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

# Subroutine: builds PML4, PDPT, PD and PT in the four cleared pages at RDI. They map L2's own pages to R8, the
# parameter block to R9 and the ROM to R10. RDX is the offset of the PML4's one entry. RSI is subtracted from the
# tables' own addresses, to make those of L1 those of L2. `table`, `rw` and `ro` are the entries' low bits. RAX,
# RCX and RDI are lost.
.macro  table_builder table, rw, ro
        lea     0x1000 + \table(%rdi), %rax
        sub     %rsi, %rax
        mov     %rax, (%rdi, %rdx)
        add     $0x1000, %rax
        mov     %rax, 0x1000(%rdi)
        add     $0x1000, %rax
        mov     %rax, 0x2000(%rdi)

        lea     0x3000(%rdi), %rdi
        lea     \ro(%r9), %rax
        mov     %rax, (L2_PARAMETERS >> 12) * 8(%rdi)
        xor     %ecx, %ecx
        lea     \rw(%r8), %rax
1:      mov     %rax, (%rdi, %rcx, 8)
        add     $0x1000, %rax
        inc     %ecx
        cmp     $L2_VISIBLE >> 12, %ecx
        jb      1b
        mov     $L2_ROM >> 12, %ecx
        lea     \ro(%r10), %rax
2:      mov     %rax, (%rdi, %rcx, 8)
        add     $0x1000, %rax
        inc     %ecx
        cmp     $(L2_ROM >> 12) + 16, %ecx
        jb      2b
        ret
.endm
