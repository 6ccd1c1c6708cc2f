// The one way in which the testbed itself fails: a sentence that says what went wrong and what to do.
// Thrown by every file of this folder; main.ts prints it and exits with TESTBED_FAILED.

/** Exit status when the testbed, and not COMMAND, failed. */
export const TESTBED_FAILED = 125;

/** Exit status when the time limit ended COMMAND, as coreutils' timeout(1) has it. */
export const TIMED_OUT = 124;

/** A failure of the testbed. `detail` is what the failing program said, for the reader who wants more. */
export class TestbedProblem extends Error {
  readonly detail: string;

  constructor(sentence: string, detail = '') {
    super(sentence);
    this.name = 'TestbedProblem';
    this.detail = detail;
  }
}
