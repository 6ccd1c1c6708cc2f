# The lines that L1 writes to its console, and what it says before it halts for good: L2 gave up, L2 left in a way
# that L1 does not know, or L1 itself took an exception.

# ------------------------------------------------------------------------------------------ L1: what may fail

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

        # The vector comes on top of the vendor's L1_EXCEPTION.
l1_exception:
        mov     %rsp, %rbp
        and     $-AREA_BYTES, %rbp
        pop     %r8
        add     $L1_EXCEPTION, %r8
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

# --------------------------------------------------------------------------------------------- L1: the console

# Counts a hypercall of L2 and says so now and then. RAX, RCX, RDX, RSI and RDI are lost.
count_hypercall:
        incq    COUNTERS + L1_COUNT(%rbp)
        mov     PARAMETERS + PARAM_REPORT, %rcx
        test    %rcx, %rcx
        jnz     1f
        mov     $8, %ecx
1:      mov     COUNTERS + L1_COUNT(%rbp), %rax
        xor     %edx, %edx
        div     %rcx
        test    %rdx, %rdx
        jz      2f
        ret
2:      call    begin_line
        put_field " l1=", COUNTERS+L1_COUNT(%rbp)
        call    put_decimal
        put_field " l2=", COUNTERS+L2_COUNT(%rbp)
        call    put_decimal
        jmp     end_line

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
