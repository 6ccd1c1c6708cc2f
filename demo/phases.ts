// The phases of a demo: each is timed, told as a line when it ends, and kept for the result.

const round = (ms: number): number => Math.round(ms * 10) / 10;

export class Phases {
  readonly all: Array<{ readonly name: string; readonly ms: number }> = [];
  private readonly say: (line: string) => void;

  constructor(say: (line: string) => void) {
    this.say = say;
  }

  add(name: string, ms: number, what: string): void {
    this.all.push({ name, ms: round(ms) });
    this.say(`${name.padEnd(8)} ${round(ms).toFixed(1).padStart(9)} ms  ${what}`);
  }

  async timed<T>(name: string, what: string, task: () => Promise<T>): Promise<T> {
    const since = performance.now();
    const result = await task();
    this.add(name, performance.now() - since, what);
    return result;
  }
}
