// google.protobuf.Duration and Timestamp, as a client reads them.

/** What either has; a message that is absent counts as 0. */
interface SecondsAndNanos {
  readonly seconds: string | number | { toString(): string };
  readonly nanos: number;
}

/** Milliseconds, with their fraction. */
export function milliseconds(value: SecondsAndNanos | null | undefined): number {
  return Number(value?.seconds ?? 0) * 1000 + (value?.nanos ?? 0) / 1e6;
}
