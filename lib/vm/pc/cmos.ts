// A PC's real-time clock as far as an operating system asks it for the date at boot: MC146818 registers 0 to 13,
// in BCD and 24 hours, and the century. It is the host's clock and can't be set; the rest of CMOS reads 0.

const REGISTER_A = 0x26; // 32.768 kHz, no update in progress
const REGISTER_B = 0x02; // 24 hours, BCD
const REGISTER_D = 0x80; // the battery is good

const bcd = (value: number): number => (Math.floor(value / 10) << 4) | (value % 10);

/** A register of the clock, for the time given. */
export function readCmos(index: number, now: Date): number {
  switch (index & 0x7f) {
    case 0x00:
      return bcd(now.getUTCSeconds());
    case 0x02:
      return bcd(now.getUTCMinutes());
    case 0x04:
      return bcd(now.getUTCHours());
    case 0x06:
      return bcd(now.getUTCDay() + 1);
    case 0x07:
      return bcd(now.getUTCDate());
    case 0x08:
      return bcd(now.getUTCMonth() + 1);
    case 0x09:
      return bcd(now.getUTCFullYear() % 100);
    case 0x0a:
      return REGISTER_A;
    case 0x0b:
      return REGISTER_B;
    case 0x0d:
      return REGISTER_D;
    case 0x32:
      return bcd(Math.floor(now.getUTCFullYear() / 100));
    default:
      return 0;
  }
}
