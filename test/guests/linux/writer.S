# A load for L1's memory: writer MIB RATE. Writes into its pages, one after the other and round and round, RATE pages a
# second or, where RATE is 0, as fast as it can. Every second or so, and in between nothing, it writes
#
#   writer PAGES             how many it has written
#   writer error WHAT NUMBER the last line: a call that failed and its errno, or `page` and how many were written before
#                            one was found that does not hold what was written into it
#
# Each page holds the number of its last write, so that one that was lost, or that is from an earlier time, shows.

        .include "program.S"

        .set    PAGE_SHIFT, 12
        .set    MIB_SHIFT, 20
        .set    SLICES, 100                # a second; in each, the pages that are due are written
        .set    SLICE_NS, 1000000000 / SLICES
        .set    PAGES_AT_ONCE, 256         # where there is no rate, between two looks at the clock

errors: .asciz  "writer error "

        .balign 8
slice:  .quad   0, SLICE_NS                # struct timespec
now:    .quad   0, 0

main:   call    next_argument
        shl     $MIB_SHIFT, %rax
        mov     %rax, %r13                 # R13: bytes, then pages
        call    next_argument
        mov     %rax, %r14                 # R14: RATE

        xor     %edi, %edi
        mov     %r13, %rsi
        mov     $PROT_READ_WRITE, %edx
        mov     $MAP_PRIVATE_ANONYMOUS, %r10d
        mov     $-1, %r8
        xor     %r9d, %r9d
        system  SYS_MMAP
        check   "mmap"
        mov     %rax, %r12                 # R12: the pages
        shr     $PAGE_SHIFT, %r13

        xor     %ebx, %ebx                 # RBX: pages written
        xor     %r15d, %r15d               # R15: the next page
        push    $0                         # the second of the last line
        push    $0                         # RATE's remainder, in pages / SLICES

write_slice:
        mov     $PAGES_AT_ONCE, %eax
        test    %r14, %r14
        jz      1f
        lea     slice(%rip), %rdi
        xor     %esi, %esi
        system  SYS_NANOSLEEP
        mov     %r14, %rax
        add     (%rsp), %rax
        xor     %edx, %edx
        mov     $SLICES, %ecx
        div     %rcx
        mov     %rdx, (%rsp)
1:      mov     %rax, %rcx
        jrcxz   3f

        # The write before this page's last was `pages` writes ago.
2:      mov     %r15, %rdi
        shl     $PAGE_SHIFT, %rdi
        mov     %rbx, %rax
        sub     %r13, %rax
        inc     %rax
        cmp     %r13, %rbx
        jae     4f
        xor     %eax, %eax
4:      cmp     %rax, (%r12,%rdi)
        jne     lost
        inc     %rbx
        mov     %rbx, (%r12,%rdi)
        inc     %r15
        cmp     %r13, %r15
        jb      5f
        xor     %r15d, %r15d
5:      dec     %rcx
        jnz     2b

3:      mov     $CLOCK_MONOTONIC, %edi
        lea     now(%rip), %rsi
        system  SYS_CLOCK_GETTIME
        mov     now(%rip), %rax
        cmp     8(%rsp), %rax
        je      write_slice
        mov     %rax, 8(%rsp)
        put     "writer "
        mov     %rbx, %rax
        call    put_decimal
        call    end_line
        jmp     write_slice

lost:   mov     %rbx, %rax
        neg     %rax
        call    failed
        .asciz  "page"

image_end:
