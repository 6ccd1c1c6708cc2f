#!/usr/bin/env node
// vcpud: the service's command line.

// First of all, before any worker thread: ffi-rs must be loaded on the main thread.
import '../lib/os/libc.js';

import { Command, InvalidArgumentError, Option } from 'commander';
import { pino } from 'pino';
import { VERSION } from '../lib/api/version.js';
import { VcpudError } from '../lib/errors/vcpud-error.js';
import { MODEL_VENDORS, type ModelVendor, modelDriver } from '../lib/kvm/model/model-driver.js';
import { NATIVE_DRIVER } from '../lib/kvm/native/native-driver.js';
import { type Endpoint, parseEndpoint, type RunningServer, startServer } from '../services/server.js';

const DEFAULT_ENDPOINT = 'unix:///run/vcpud/vcpud.sock';
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** Exit statuses beside 0: 1 something failed, 2 wrong usage, 69 (EX_UNAVAILABLE) no usable /dev/kvm. */
const EXIT = { failed: 1, usage: 2, unavailable: 69 } as const;

function endpoint(text: string): Endpoint {
  try {
    return parseEndpoint(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0 || value > 3600)
    throw new InvalidArgumentError('0 to 3600 seconds');
  return value;
}

function level(text: string): string {
  if (!LEVELS.includes(text)) throw new InvalidArgumentError(`one of ${LEVELS.join(', ')}`);
  return text;
}

interface ServeOptions {
  readonly driver: 'native' | 'model';
  readonly cpu: ModelVendor;
  readonly listen: Endpoint;
  readonly grace: number;
  readonly logLevel: string;
}

async function serve(options: ServeOptions): Promise<void> {
  const log = pino(
    { level: options.logLevel, base: { service: 'vcpud' } },
    pino.destination({ fd: 2, sync: true }),
  );
  let server: RunningServer;
  try {
    const driver = options.driver === 'model' ? modelDriver(options.cpu) : NATIVE_DRIVER;
    server = await startServer(driver, options.listen, log);
  } catch (error) {
    process.stderr.write(`vcpud: ${(error as Error).message}\n`);
    process.exitCode = error instanceof VcpudError ? EXIT.unavailable : EXIT.failed;
    return;
  }
  process.stdout.write(`vcpud ${VERSION} listens on ${server.target}\n`);
  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) return;
    stopping = true;
    log.info({ signal, graceSeconds: options.grace }, 'ending');
    await server.stop(options.grace * 1000);
    log.info('ended');
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
  const die = (error: unknown) => {
    // State can't be trusted any more. Guests are kicked out and freed by the kernel with this process.
    log.fatal({ err: error }, 'a bug in vcpud; the process ends');
    process.kill(process.pid, 'SIGKILL');
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
}

const program = new Command('vcpud')
  .description('Owns /dev/kvm vCPUs of this host and serves their nested-virtualization state over gRPC.')
  .version(VERSION)
  .showHelpAfterError()
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : EXIT.usage));

program
  .command('serve')
  .description('open /dev/kvm and listen until SIGTERM')
  .addOption(
    new Option('--driver <driver>', 'what serves: /dev/kvm, or a model of it that runs no guests')
      .choices(['native', 'model'])
      .default('native'),
  )
  .addOption(new Option('--cpu <vendor>', "whose CPU the model's is").choices(MODEL_VENDORS).default('amd'))
  .option(
    '--listen <endpoint>',
    'unix:///PATH or tcp://127.0.0.1:PORT',
    endpoint,
    parseEndpoint(DEFAULT_ENDPOINT),
  )
  .option('--grace <seconds>', 'how long calls under way may take to end after SIGTERM', seconds, 10)
  .option('--log-level <level>', LEVELS.join(', '), level, 'info')
  .action(serve);

await program.parseAsync();
