// The server that the bench measures: vcpud's own, with the echo service added. It takes the place of cli/vcpud.js
// in test/harness/vcpud-process.ts, so it reads that one's arguments and says that it listens in the same words.

// First of all, as in cli/vcpud.ts: ffi-rs must be loaded on the main thread.
import '../../lib/os/libc.js';

import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { parseEndpoint } from '../../lib/api/endpoint.js';
import { NATIVE_DRIVER } from '../../lib/kvm/native/native-driver.js';
import { startServer } from '../../services/server.js';
import { addEcho } from './echo.js';

const { values } = parseArgs({ options: { listen: { type: 'string' } }, allowPositionals: true });
const log = pino({ level: 'info' }, pino.destination({ fd: 2, sync: true }));
const listening = { endpoints: [parseEndpoint(values.listen ?? '')], tls: undefined };
const server = await startServer(NATIVE_DRIVER, listening, log, addEcho);
process.on('SIGTERM', () => void server.stop(1000).then(() => process.exit(0)));
process.stdout.write(`the bench's vcpud listens on ${server.targets.join(' and ')}\n`);
