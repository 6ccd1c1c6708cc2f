// The two ways in which memory gets to a destination, for what is played, or measured, by both.

/** By name: read by the destination from the source's, as it can on one host. Streamed: in messages, as to another. */
export const WAYS = ['by name', 'streamed'] as const;
export type Way = (typeof WAYS)[number];

/** Of one destination on this host, what the source is to be told so that memory goes by that way. */
export const overFor = (way: Way): 'unix' | 'tcp' => (way === 'by name' ? 'unix' : 'tcp');
