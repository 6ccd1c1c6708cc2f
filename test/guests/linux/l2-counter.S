# L1's VMM: l2-counter INTERVAL_MS. Runs an L2 that counts for ever, and once an interval writes
#
#   l2 LINE COUNT           LINE is 1, 2, 3, ...; COUNT is how often L2 has counted
#   l2 error WHAT NUMBER    the last line: a call that failed and its errno, or `exit` and KVM's exit reason
#
# L2 knows its count twice, in a register and in memory, and halts where they differ: `l2 error exit 5`. Its count has
# 32 bits, which one store writes, so that it is never read half-written; COUNT is the sum of what it grew by.

        .include "program.S"

        # KVM's ioctls and what they take (include/uapi/linux/kvm.h).
        .set    KVM_CREATE_VM, 0xae01
        .set    KVM_GET_VCPU_MMAP_SIZE, 0xae04
        .set    KVM_CREATE_VCPU, 0xae41
        .set    KVM_SET_USER_MEMORY_REGION, 0x4020ae46
        .set    KVM_SET_TSS_ADDR, 0xae47
        .set    KVM_RUN, 0xae80
        .set    KVM_SET_REGS, 0x4090ae82
        .set    KVM_GET_SREGS, 0x8138ae83
        .set    KVM_SET_SREGS, 0x4138ae84
        .set    RUN_IMMEDIATE_EXIT, 1      # offsets in struct kvm_run
        .set    RUN_EXIT_REASON, 8
        .set    SREGS_CS_BASE, 0           # offsets in struct kvm_sregs
        .set    SREGS_CS_SELECTOR, 12
        .set    SREGS_BYTES, 312
        .set    REGS_RFLAGS, 17*8          # an offset in struct kvm_regs
        .set    TSS_ADDR, 0xfffbd000       # three pages that Intel's KVM needs, where L2 has no memory

        .set    SIGALRM, 14
        .set    SA_RESTORER, 0x04000000
        .set    L2_BYTES, 0x1000

errors: .asciz  "l2 error "
device: .asciz  "/dev/kvm"

        .balign 8
memory_region:
        .long   0, 0                       # slot, flags
        .quad   0, L2_BYTES, l2            # guest physical address, size, address here
regs:   .skip   REGS_RFLAGS                # all zero, RIP among them
        .quad   2                          # RFLAGS: the bit that is always set
sregs:  .skip   SREGS_BYTES
interval:
        .quad   0, 0, 0, 0                 # struct itimerval: seconds and microseconds, of each interval, of the first
on_alarm:
        .quad   alarm, SA_RESTORER, alarm_returns, 0
run:    .quad   0                          # struct kvm_run, once it is mapped

        # The interval's end brings KVM_RUN out. It may come before KVM_RUN begins, which then sees the flag.
alarm:  mov     run(%rip), %rax
        movb    $1, RUN_IMMEDIATE_EXIT(%rax)
        ret
alarm_returns:
        system  SYS_RT_SIGRETURN

main:   call    next_argument
        mov     $1000, %ecx
        xor     %edx, %edx
        div     %rcx
        imul    $1000, %rdx
        mov     %rax, interval(%rip)
        mov     %rdx, interval+8(%rip)
        mov     %rax, interval+16(%rip)
        mov     %rdx, interval+24(%rip)

        lea     device(%rip), %rdi
        mov     $O_RDWR, %esi
        system  SYS_OPEN
        check   "open"
        mov     %eax, %r12d                # R12: /dev/kvm, then the vCPU

        mov     %r12d, %edi
        mov     $KVM_GET_VCPU_MMAP_SIZE, %esi
        xor     %edx, %edx
        system  SYS_IOCTL
        check   "KVM_GET_VCPU_MMAP_SIZE"
        mov     %rax, %r13                 # R13: bytes of struct kvm_run

        mov     $KVM_CREATE_VM, %esi
        system  SYS_IOCTL
        check   "KVM_CREATE_VM"
        mov     %eax, %edi

        mov     $KVM_SET_TSS_ADDR, %esi
        mov     $TSS_ADDR, %edx
        system  SYS_IOCTL
        check   "KVM_SET_TSS_ADDR"

        mov     $KVM_SET_USER_MEMORY_REGION, %esi
        lea     memory_region(%rip), %rdx
        system  SYS_IOCTL
        check   "KVM_SET_USER_MEMORY_REGION"

        mov     $KVM_CREATE_VCPU, %esi
        xor     %edx, %edx
        system  SYS_IOCTL
        check   "KVM_CREATE_VCPU"
        mov     %eax, %r12d

        xor     %edi, %edi
        mov     %r13, %rsi
        mov     $PROT_READ_WRITE, %edx
        mov     $MAP_SHARED, %r10d
        mov     %r12d, %r8d
        xor     %r9d, %r9d
        system  SYS_MMAP
        check   "mmap"
        mov     %rax, run(%rip)

        # Real mode, as a vCPU begins, but at address 0.
        mov     %r12d, %edi
        mov     $KVM_GET_SREGS, %esi
        lea     sregs(%rip), %rdx
        system  SYS_IOCTL
        check   "KVM_GET_SREGS"
        movq    $0, sregs+SREGS_CS_BASE(%rip)
        movw    $0, sregs+SREGS_CS_SELECTOR(%rip)
        mov     $KVM_SET_SREGS, %esi
        system  SYS_IOCTL
        check   "KVM_SET_SREGS"
        mov     $KVM_SET_REGS, %esi
        lea     regs(%rip), %rdx
        system  SYS_IOCTL
        check   "KVM_SET_REGS"

        mov     $SIGALRM, %edi
        lea     on_alarm(%rip), %rsi
        xor     %edx, %edx
        mov     $8, %r10d                  # bytes of a signal set
        system  SYS_RT_SIGACTION
        check   "rt_sigaction"
        xor     %edi, %edi                 # ITIMER_REAL
        lea     interval(%rip), %rsi
        system  SYS_SETITIMER
        check   "setitimer"

        mov     run(%rip), %r13
        xor     %ebx, %ebx                 # RBX: LINE
        xor     %r14d, %r14d               # R14: COUNT

run_l2: mov     %r12d, %edi
        mov     $KVM_RUN, %esi
        xor     %edx, %edx
        system  SYS_IOCTL
        test    %rax, %rax
        jz      l2_left
        cmp     $-EINTR, %rax
        je      interrupted
        call    failed
        .asciz  "KVM_RUN"
l2_left:
        mov     RUN_EXIT_REASON(%r13), %eax
        neg     %rax
        call    failed
        .asciz  "exit"

interrupted:
        cmpb    $0, RUN_IMMEDIATE_EXIT(%r13)
        je      run_l2
        movb    $0, RUN_IMMEDIATE_EXIT(%r13)
        mov     l2_count(%rip), %eax
        sub     %r14d, %eax                # COUNT's low half is what L2's count was
        add     %rax, %r14
        inc     %rbx
        put     "l2 "
        mov     %rbx, %rax
        call    put_decimal
        put     " "
        mov     %r14, %rax
        call    put_decimal
        call    end_line
        jmp     run_l2

# L2: its whole memory.
        .balign L2_BYTES
l2:     .code16
1:      inc     %ebx
        incl    l2_count - l2
        cmp     %ebx, l2_count - l2
        je      1b
        hlt
        .code64
        .balign 64
l2_count:
        .long   0
        .skip   L2_BYTES - (. - l2)
image_end:
