# Numbers that both L1s share: where the guest keeps what, and what of the CPU is the same on both vendors.
# svm-l1/l1.S and vmx-l1/l1.S begin with them; layout.ts gives them to the host's side.
#
# Image
#   GPA 0xffff0000   the ROM, exactly 64 KiB: its name at offset 0, reset vector at 0xfff0. It is never written;
#                    its descriptors have their Accessed bit set beforehand.
#   GPA 0            RAM, 0x200000 + vCPUs * 0x20000 bytes. Each start writes all of it that L1 relies on, so
#                    a vCPU may be reset at any moment, with L2 running or not, and simply run again.
#
# Parameter block, GPA 0x1000. The host writes it before the start; the guest only reads it.
#   +0x00  u32  paging         0: L2 runs with nested paging; 1: without
#   +0x04  u32  scene          a row of the L1's own table
#   +0x08  u64  increments     of l2_count between two hypercalls; 0: 65536, or 64 in scene 3
#   +0x10  u64  report         hypercalls between two lines on the console; 0: 8
#   +0x18  u64  gate           while not 0, the guest waits at its scene's gate; polled, so write it any time
#
# vCPU n, by its initial APIC id, CPUID 1 EBX[31:24], 0 to 63, has 128 KiB at GPA 0x200000 + n * 0x20000. They
# begin with these u64 counters; a start clears all but `starts`.
#   +0x00  l2_count            increments, made by L2 itself
#   +0x08  l1_count            hypercalls that L1 has handled
#   +0x10  l2_irq_count        interrupts that L2 has taken
#   +0x18  l2_pf_count         page faults that L2 has taken
#   +0x20  l1_spin             rounds of L1 at the gate, or in scene 8
#   +0x28  l2_spin             rounds of L2 at the gate
#   +0x30  starts              times that this vCPU has come from its reset vector; never cleared
#   +0x38  exit_code           of L2's last exit to L1: EXITCODE, or the exit reason
#   +0x40  exit_info1          of the same: EXITINFO1, or the exit qualification
#   +0x48  exit_info2          of the same: EXITINFO2, or the VM-exit interruption information
#   +0x50  l1_timer_count      VMX-preemption timers that have ended L2's run
#
# Console, port 0xe9, one REP OUTSB a line. KVM exits to user space once for each byte of it.
#   cpu=0 start
#   cpu=0 l1=8 l2=524288
#   cpu=0 panic exit=0x7f info1=0x0 info2=0x0 rip=0xffff80000001111a  an unexpected exit of L2
#   cpu=0 panic exit=0x4d info1=0x0 info2=0x0 rip=0xffff0b92  an exception in L1: vector, error code, CR2
#   cpu=0 panic l2 corrupt    L2 found its own state changed
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
.set ZEROS,              0x16000           # two pages: bitmaps without a bit set

# A vCPU's own 128 KiB. What the two vendors' structures are is said by each L1.
.set AREA,               0x200000          # GPA of vCPU 0's
.set AREA_SHIFT,         17
.set AREA_BYTES,         1 << AREA_SHIFT
.set   COUNTERS,         0x00000
.set   L2_STACK_TOP,     0x02000
.set   L2_TABLES,        0x02000           # PML4, PDPT, PD, PT
.set   L2_VISIBLE,       0x06000           # L2 reaches what is below, L1 alone what is above
.set   NESTED_TABLES,    0x06000           # PML4, PDPT, PD, PT
.set   STRUCTURES,       0x0a000           # three pages for the vendor's
.set   L2_GPRS,          0x0d000           # RBX RCX RDX RSI RDI R8..R15
.set   L2_RAX,           0x0d068
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
.set L1_TIMER_COUNT,     0x50

# What L2 sees. Its virtual addresses are not its physical ones, and those, with nested paging, are not L1's:
# no wrong CR3, nested CR3 or EPT pointer can pass for the right one. With nested paging L2's physical address
# is the offset from L2_BASE.
.set L2_BASE,            0xffff800000000000
.set   L2_PARAMETERS,    0x08000           # read-only
.set   L2_ROM,           0x10000           # read-only
.set   L2_UNMAPPED,      0x200000          # nothing from here on

# Scenes that L2 itself tells apart, the same in both L1s.
.set SCENE_VIRQ,         2
.set SCENE_PAGE_FAULT,   3

.set CONSOLE,            0xe9
.set UNHANDLED_PORT,     0x510
.set UNBACKED_GPA,       0xd0000000

.set L2_VECTOR,          0x40
.set L2_CORRUPT,         0xbad             # RAX of a hypercall by which L2 gives up; else 0
.set L2_PATTERN,         0x5ca1ab1e0ddba11

# ------------------------------------------------------------------------------------- numbers: both vendors'

.set CR0_PROTECTED,      0x00000011        # ET PE
.set CR0_LONG,           0x80010033        # PG WP NE ET MP PE. CD=0: with NW=1 VMRUN would refuse it
.set CR4_LONG,           0x00000620        # OSXMMEXCPT OSFXSR PAE
.set EFER,               0xc0000080
.set   EFER_LME,         1 << 8
.set   EFER_LMA,         1 << 10
.set   EFER_SVME,        1 << 12
.set KERNEL_GS_BASE,     0xc0000102
.set PAT,                0x277

# Accessed and Dirty are set beforehand, so that no CPU writes to a table. User is set because to SVM's nested
# tables every access is a user's [APM volume 2, 15.25].
.set PAGE_TABLE,         0x67              # D A US RW P
.set PAGE_RW,            0x67
.set PAGE_RO,            0x25              #   A US    P
.set PAGE_2M,            0xe7              # PS D A US RW P

# Selectors of `gdt`.
.set CODE64,             0x08
.set DATA,               0x10
.set CODE32,             0x18
