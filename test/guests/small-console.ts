// What the small guest writes to its console, and whether it is what a guest writes that lost nothing.

/** What a guest line says: `cpu=0 l1=123 l2=8060928`. */
export function countersOf(line: string): { l1: bigint; l2: bigint } | undefined {
  const match = /^cpu=\d+ l1=(\d+) l2=(\d+)$/.exec(line);
  return match?.[1] === undefined || match[2] === undefined
    ? undefined
    : { l1: BigInt(match[1]), l2: BigInt(match[2]) };
}

/**
 * A sentence for each thing that is wrong with the lines of one vCPU's guest from its start. The guest leaves no room:
 * a line comes with every `report` hypercalls of L2, and between two hypercalls L2 counts `increments`. A write of either
 * that was lost, or done twice, shows in the next line.
 */
export function troublesOfSmall(lines: readonly string[], report: bigint, increments: bigint): string[] {
  const troubles: string[] = [];
  let last = 0n;
  for (const text of lines) {
    const counters = countersOf(text);
    if (counters === undefined) {
      if (text !== 'cpu=0 start' || last > 0n) troubles.push(`no line of its count: ${text}`);
      continue;
    }
    const { l1, l2 } = counters;
    if (l1 !== last + report) troubles.push(`L1 counted ${l1} after ${last}, and not ${last + report}`);
    if (l2 !== l1 * increments) troubles.push(`L2 counted ${l2}, and not ${l1 * increments}, by ${text}`);
    last = l1;
  }
  return troubles;
}
