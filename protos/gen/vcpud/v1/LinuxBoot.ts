// Original file: protos/vcpud/v1/vm.proto


/**
 * A Linux kernel to boot. The VM needs a memory region of 64 MiB or more at address 0; its CPUs and its IOAPIC are described to
 * the kernel by an MP table, memory by an e820 map. Reset takes a vCPU to power-on state all the same, not to the kernel's entry.
 */
export interface LinuxBoot {
  /**
   * A bzImage; an absolute path on the host of this vcpud.
   */
  'kernelPath'?: (string);
  /**
   * An initramfs; an absolute path on the host of this vcpud, empty for none.
   */
  'initramfsPath'?: (string);
  /**
   * The kernel's command line, such as "console=ttyS0".
   */
  'commandLine'?: (string);
}

/**
 * A Linux kernel to boot. The VM needs a memory region of 64 MiB or more at address 0; its CPUs and its IOAPIC are described to
 * the kernel by an MP table, memory by an e820 map. Reset takes a vCPU to power-on state all the same, not to the kernel's entry.
 */
export interface LinuxBoot__Output {
  /**
   * A bzImage; an absolute path on the host of this vcpud.
   */
  'kernelPath': (string);
  /**
   * An initramfs; an absolute path on the host of this vcpud, empty for none.
   */
  'initramfsPath': (string);
  /**
   * The kernel's command line, such as "console=ttyS0".
   */
  'commandLine': (string);
}
