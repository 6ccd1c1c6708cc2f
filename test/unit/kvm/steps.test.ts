// Steps in one go against the same steps each by itself, over a port that answers by a script.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Ioctl, oneByOne, type SeriesPort, UnexpectedReturn } from '../../../lib/kvm/port.js';
import { doStep, doSteps, type Outcome, type Step } from '../../../lib/kvm/steps.js';
import { KernelError } from '../../../lib/os/kernel-error.js';

/** What a request answers: its own number, or an errno where that is negative. */
function scripted(): { port: SeriesPort; log: string[] } {
  const log: string[] = [];
  const port = {
    ioctl: (request: number, argument: Uint8Array | number) => {
      log.push(`ioctl ${request}`);
      if (request < 0) throw new KernelError('an ioctl', -request);
      return argument as number;
    },
    ioctls: (calls: readonly Ioctl[]) => oneByOne(port, calls),
  };
  return { port, log };
}

interface Row {
  readonly direct: boolean;
  readonly requests: readonly number[];
  readonly helps: boolean;
}

const rowsOf: fc.Arbitrary<Row[]> = fc.array(
  fc.record({
    direct: fc.boolean(),
    requests: fc.array(fc.oneof({ weight: 4, arbitrary: fc.nat(3) }, fc.constantFrom(-22, -7)), {
      maxLength: 3,
    }),
    helps: fc.boolean(),
  }),
  { maxLength: 8 },
);

function stepsOf(rows: readonly Row[], port: SeriesPort, log: string[]): Step<string>[] {
  return rows.map(({ direct, requests, helps }, at) => {
    if (direct) {
      return {
        directly: () => {
          log.push(`direct ${at}`);
          return `direct ${at}`;
        },
      };
    }
    const help = (failure: Error) => {
      log.push(`help ${at}`);
      port.ioctl(99, 0);
      return `helped by ${failure.message}`;
    };
    return {
      // Each must answer 0 and answers its number.
      calls: requests.map((request) => ({ request, argument: request, answer: 0 })),
      done: (answers: readonly number[]) => `answers ${answers}`,
      ...(helps ? { otherwise: help } : {}),
    };
  });
}

const told = (outcome: { value: string } | { error: unknown }): string =>
  'error' in outcome ? String(outcome.error) : outcome.value;

describe('steps in one go', () => {
  test('come to what each comes to by itself, with the same ioctls in the same order', () => {
    fc.assert(
      fc.property(rowsOf, (rows) => {
        const together = scripted();
        const outcomes: string[] = [];
        doSteps(together.port, stepsOf(rows, together.port, together.log), (outcome, at) => {
          expect(at).toBe(outcomes.length);
          outcomes.push(told(outcome));
        });
        const alone = scripted();
        const expected = stepsOf(rows, alone.port, alone.log).map((step) => {
          try {
            return doStep(alone.port, step);
          } catch (error) {
            return String(error);
          }
        });
        expect(outcomes).toEqual(expected);
        expect(together.log).toEqual(alone.log);
      }),
    );
  });

  test('end where what they came to is not accepted', () => {
    const { port, log } = scripted();
    const step = (request: number): Step<void> => ({
      calls: [{ request, argument: request, answer: 0 }],
      done: () => undefined,
    });
    const refuse = (outcome: Outcome<void>) => {
      if ('error' in outcome) throw outcome.error;
    };
    expect(() => doSteps(port, [step(0), step(2), step(3)], refuse)).toThrow(new UnexpectedReturn(2));
    expect(log).toEqual(['ioctl 0', 'ioctl 2']);
  });
});
