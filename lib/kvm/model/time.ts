// Time in a model VM: its kvmclock and its vCPUs' TSCs, which count on whether or not anything is asked.
// One for each VM; made by vm.ts.

const now = (): bigint => process.hrtime.bigint();

export class ModelClock {
  private readonly tscKhz: bigint;
  private clockOffset = -now();
  /** What each vCPU's TSC is ahead of the host's, by index. */
  private readonly tscOffsets = new Map<number, bigint>();
  private readonly atCreation: bigint;

  constructor(tscKhz: number) {
    this.tscKhz = BigInt(tscKhz);
    this.atCreation = this.hostTsc();
  }

  private hostTsc(): bigint {
    return (now() * this.tscKhz) / 1_000_000n;
  }

  /** Nanoseconds of kvmclock. */
  nanoseconds(): bigint {
    return BigInt.asUintN(64, now() + this.clockOffset);
  }

  setNanoseconds(value: bigint): void {
    this.clockOffset = value - now();
  }

  readTsc(vcpu: number): bigint {
    return BigInt.asUintN(64, this.hostTsc() + (this.tscOffsets.get(vcpu) ?? -this.atCreation));
  }

  writeTsc(vcpu: number, value: bigint): void {
    this.tscOffsets.set(vcpu, value - this.hostTsc());
  }
}
