# What both programs of L1's user space begin with: an ELF header, system calls, decimal numbers, lines, errors. They
# have no libc, so that their bytes depend on nothing but their source, and the header stands in the source, so that
# they don't depend on the linker's version either. Each includes this first, defines `main` and `errors`, which its
# error lines begin with, and ends with `image_end`.
#
# A system call takes RAX, RDI, RSI, RDX, R10, R8 and R9 and loses RAX, RCX and R11. RBP is where the line ends, RBX
# points to the last argument taken.

        # System calls (arch/x86/entry/syscalls/syscall_64.tbl).
        .set    SYS_WRITE, 1
        .set    SYS_OPEN, 2
        .set    SYS_MMAP, 9
        .set    SYS_RT_SIGACTION, 13
        .set    SYS_RT_SIGRETURN, 15
        .set    SYS_IOCTL, 16
        .set    SYS_NANOSLEEP, 35
        .set    SYS_SETITIMER, 38
        .set    SYS_EXIT, 60
        .set    SYS_CLOCK_GETTIME, 228

        .set    O_RDWR, 2
        .set    PROT_READ_WRITE, 3
        .set    MAP_SHARED, 1
        .set    MAP_PRIVATE_ANONYMOUS, 0x22
        .set    CLOCK_MONOTONIC, 1
        .set    EINTR, 4
        .set    LAST_ERRNO, 4095

.macro  system number
        mov     $\number, %eax
        syscall
.endm

# Ends the program with a line that names `what`, where RAX is -errno.
.macro  check what
        cmp     $-LAST_ERRNO, %rax
        jb      1f
        call    failed
        .asciz  "\what"
1:
.endm

# Appends text to the line. RAX and RSI are lost.
.macro  put text
        call    put_inline
        .asciz  "\text"
.endm

        .text
image:  .byte   0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
        .word   2, 62                      # ET_EXEC, EM_X86_64
        .long   1
        .quad   start                      # e_entry
        .quad   segment - image            # e_phoff
        .quad   0                          # e_shoff
        .long   0
        .word   64, 56, 1, 64, 0, 0        # headers: size of this, size and number of segments and of sections
segment:
        .long   1, 7                       # PT_LOAD; readable, writable, executable
        .quad   0, image, image
        .quad   image_end - image, image_end - image
        .quad   0x1000

line:   .skip   128
digits: .skip   20                         # of 2^64 - 1
digits_end:

# The stack holds argc, argv[0], argv[1] and so on, and 0.
start:  lea     line(%rip), %rbp
        lea     8(%rsp), %rbx
        jmp     main

# The next argument, a decimal number, in RAX. What is none ends the program. RCX and RSI are lost.
next_argument:
        add     $8, %rbx
        mov     (%rbx), %rsi
        xor     %eax, %eax
        test    %rsi, %rsi
        jz      2f
        cmpb    $0, (%rsi)
        je      2f
1:      movzbl  (%rsi), %ecx
        inc     %rsi
        test    %ecx, %ecx
        jz      3f
        sub     $'0', %ecx
        imul    $10, %rax
        add     %rcx, %rax
        cmp     $9, %ecx
        jbe     1b
2:      xor     %eax, %eax
        call    failed
        .asciz  "arguments"
3:      ret

put_inline:
        pop     %rsi
        call    put_text
        jmp     *%rsi

# The text at RSI up to its NUL, which RSI is then behind. RAX is lost.
put_text:
1:      lodsb
        test    %al, %al
        jz      2f
        mov     %al, (%rbp)
        inc     %rbp
        jmp     1b
2:      ret

# RAX, in decimal. RAX, RCX, RDX, RSI and RDI are lost.
put_decimal:
        mov     $10, %ecx
        lea     digits_end(%rip), %rsi
1:      xor     %edx, %edx
        div     %rcx
        add     $'0', %dl
        dec     %rsi
        mov     %dl, (%rsi)
        test    %rax, %rax
        jnz     1b
        lea     digits_end(%rip), %rcx
        sub     %rsi, %rcx
        mov     %rbp, %rdi
        rep movsb
        mov     %rdi, %rbp
        ret

# Writes the line and a newline to standard output, whatever signals come, and begins the next. RAX, RCX, RDX, RSI,
# RDI and R11 are lost.
end_line:
        movb    $'\n', (%rbp)
        inc     %rbp
        lea     line(%rip), %rsi
1:      mov     %rbp, %rdx
        sub     %rsi, %rdx
        jz      2f
        mov     $1, %edi
        system  SYS_WRITE
        cmp     $-EINTR, %rax
        je      1b
        test    %rax, %rax
        js      exit                       # nobody can be told
        add     %rax, %rsi
        jmp     1b
2:      lea     line(%rip), %rbp
        ret

# Called with a name behind it, and with RAX -errno, or 0 where there is none.
failed: pop     %r14
        neg     %rax
        mov     %rax, %r15
        lea     line(%rip), %rbp
        lea     errors(%rip), %rsi
        call    put_text
        mov     %r14, %rsi
        call    put_text
        put     " "
        mov     %r15, %rax
        call    put_decimal
        call    end_line
exit:   mov     $1, %edi
        system  SYS_EXIT
