// How much of a stream, and of a connection, may be on its way in either direction before who sends it waits to hear
// that it was read.

/**
 * HTTP/2's own 64 KiB makes the sender wait for the other side after every piece of a message of guest memory: on one
 * host ReadMemory and a streamed migration take a quarter to a half longer (measured), and over a network it is a limit:
 * 64 KiB a round trip, 6 MiB/s where that takes 10 ms. This is 400 MiB/s there.
 */
export const FLOW_CONTROL_WINDOW_BYTES = 4 * 1024 * 1024;
