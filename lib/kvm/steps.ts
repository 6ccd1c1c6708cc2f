// Several steps of speaking to the kernel, in one go where that can be: the ioctls of steps that follow one another are one
// series, which ends at the first that answers otherwise than it should. What then is done is the step's own matter.

import type { KernelError } from '../os/kernel-error.js';
import type { Ioctl, SeriesPort, UnexpectedReturn } from './port.js';

/** A step whose ioctls are known before any of them is done. */
export interface SeriesStep<T> {
  readonly calls: readonly Ioctl[];
  /** What the step gives, once its ioctls have answered as they should. Later steps' ioctls may have been done by then. */
  done(answers: readonly number[]): T;
  /** What is done where one of them has not, before any later step; undefined where that is the step's failure. */
  readonly otherwise?: (failure: KernelError | UnexpectedReturn) => T;
}

/** A step that speaks to the kernel itself: when all before it are done, and before all after it. */
export interface DirectStep<T> {
  directly(): T;
}

export type Step<T> = SeriesStep<T> | DirectStep<T>;

const isDirect = <T>(step: Step<T>): step is DirectStep<T> => 'directly' in step;

/** What a step came to. */
export type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/**
 * Does steps in order; `ended` is told what each came to, in order. Where that throws, no further step is begun (of those
 * of the same series, ioctls may have been done).
 */
export function doSteps<T>(
  port: SeriesPort,
  steps: readonly Step<T>[],
  ended: (outcome: Outcome<T>, at: number) => void,
): void {
  for (let at = 0; at < steps.length; ) {
    const series = seriesFrom(steps, at);
    if (series.length === 0) {
      const step = steps[at] as DirectStep<T>;
      ended(
        outcomeOf(() => step.directly()),
        at,
      );
      at += 1;
      continue;
    }
    const calls: Ioctl[] = [];
    for (const step of series) calls.push(...step.calls);
    const { answers, failure } = port.ioctls(calls);
    let used = 0;
    for (const step of series) {
      const all = used + step.calls.length;
      const stopped = failure !== undefined && all > answers.length;
      const own = answers.slice(used, all);
      ended(
        outcomeOf(() => {
          if (!stopped) return step.done(own);
          if (step.otherwise === undefined) throw failure;
          return step.otherwise(failure);
        }),
        at,
      );
      at += 1;
      if (stopped) break;
      used = all;
    }
  }
}

/** The one step alone. Throws its failure. */
export function doStep<T>(port: SeriesPort, step: Step<T>): T {
  let outcome: Outcome<T> | undefined;
  doSteps(port, [step], (its) => {
    outcome = its;
  });
  if (outcome === undefined) throw new Error('a step came to nothing');
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}

/** The steps from there on that are one series. */
function seriesFrom<T>(steps: readonly Step<T>[], from: number): SeriesStep<T>[] {
  const series: SeriesStep<T>[] = [];
  for (const step of steps.slice(from)) {
    if (isDirect(step)) break;
    series.push(step);
  }
  return series;
}

function outcomeOf<T>(task: () => T): Outcome<T> {
  try {
    return { value: task() };
  } catch (error) {
    return { error };
  }
}
