// The few numbers that the bench makes of many: medians, quantiles, and ratios of rounds that alternate.

/** The q-quantile (0 to 1) of numbers in any order, by the nearest rank. NaN of none. */
export function quantile(numbers: readonly number[], q: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export const median = (numbers: readonly number[]): number => quantile(numbers, 0.5);

/** One round of each side, made one right after the other. */
export interface Pair<T> {
  readonly floor: T;
  readonly product: T;
}

/**
 * Makes rounds of both sides in turn, so that both see the same drift of the machine, and gives them in pairs.
 * Which side begins changes from pair to pair.
 */
export async function alternate<T>(
  pairs: number,
  floor: () => Promise<T>,
  product: () => Promise<T>,
): Promise<Pair<T>[]> {
  const made: Pair<T>[] = [];
  for (let i = 0; i < pairs; i += 1) {
    if (i % 2 === 0) {
      const first = await floor();
      made.push({ floor: first, product: await product() });
    } else {
      const first = await product();
      made.push({ floor: await floor(), product: first });
    }
  }
  return made;
}

/** The median over pairs of product / floor. */
export const medianRatio = <T>(pairs: readonly Pair<T>[], of: (round: T) => number): number =>
  median(pairs.map(({ floor, product }) => of(product) / of(floor)));
