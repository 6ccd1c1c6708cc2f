// Original file: protos/vcpud/v1/host.proto

/**
 * Who made the CPU.
 */
export const CpuVendor = {
  /**
   * Not known.
   */
  CPU_VENDOR_UNSPECIFIED: 'CPU_VENDOR_UNSPECIFIED',
  /**
   * AMD, or one that does as AMD does (Hygon): SVM.
   */
  CPU_VENDOR_AMD: 'CPU_VENDOR_AMD',
  /**
   * Intel, or one that does as Intel does (Zhaoxin): VMX.
   */
  CPU_VENDOR_INTEL: 'CPU_VENDOR_INTEL',
} as const;

/**
 * Who made the CPU.
 */
export type CpuVendor =
  /**
   * Not known.
   */
  | 'CPU_VENDOR_UNSPECIFIED'
  | 0
  /**
   * AMD, or one that does as AMD does (Hygon): SVM.
   */
  | 'CPU_VENDOR_AMD'
  | 1
  /**
   * Intel, or one that does as Intel does (Zhaoxin): VMX.
   */
  | 'CPU_VENDOR_INTEL'
  | 2

/**
 * Who made the CPU.
 */
export type CpuVendor__Output = typeof CpuVendor[keyof typeof CpuVendor]
