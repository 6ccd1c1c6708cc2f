#!/usr/bin/env node
// vcpud: the service's command line.

// First of all, before any worker thread: ffi-rs must be loaded on the main thread.
import '../lib/os/libc.js';

import { Command, InvalidArgumentError, Option } from 'commander';
import { pino } from 'pino';
import { type Endpoint, endpointText, leavesMachine, parseEndpoint } from '../lib/api/endpoint.js';
import { Identity } from '../lib/api/identity.js';
import { VERSION } from '../lib/api/version.js';
import { VcpudError } from '../lib/errors/vcpud-error.js';
import { MODEL_VENDORS, type ModelVendor, modelDriver } from '../lib/kvm/model/model-driver.js';
import { NATIVE_DRIVER } from '../lib/kvm/native/native-driver.js';
import { type RunningServer, startServer, withoutTls } from '../services/server.js';
import type { ServerTls } from '../services/tls.js';

const DEFAULT_ENDPOINT = 'unix:///run/vcpud/vcpud.sock';
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** Exit statuses beside 0: 1 something failed, 2 wrong usage, 69 (EX_UNAVAILABLE) no usable /dev/kvm. */
const EXIT = { failed: 1, usage: 2, unavailable: 69 } as const;

/** One more --listen. */
function listener(text: string, before: readonly Endpoint[] = []): Endpoint[] {
  let endpoint: Endpoint;
  try {
    endpoint = parseEndpoint(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
  // As often as one likes on a port that the kernel chooses.
  const twice = !text.endsWith(':0') && before.some((other) => endpointText(other) === text);
  if (twice) throw new InvalidArgumentError(`${text} is given twice`);
  return [...before, endpoint];
}

/** One more --tls-allow. */
const name = (text: string, before: readonly string[] = []): string[] => [...before, text];

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
  readonly listen?: readonly Endpoint[];
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsAllow?: readonly string[];
  readonly grace: number;
  readonly logLevel: string;
}

/** What is wrong with the options as they are together; undefined where nothing is. */
function misuse({ listen = [], tlsCa, tlsCert, tlsKey, tlsAllow }: ServeOptions): string | undefined {
  const files = { '--tls-ca': tlsCa, '--tls-cert': tlsCert, '--tls-key': tlsKey };
  const missing = Object.entries(files).flatMap(([option, file]) => (file === undefined ? [option] : []));
  if (missing.length > 0 && missing.length < 3) {
    return `--tls-ca, --tls-cert and --tls-key go together; not given: ${missing.join(' and ')}`;
  }
  if (missing.length === 0) return undefined;
  if (tlsAllow !== undefined) return '--tls-allow needs --tls-ca, --tls-cert and --tls-key';
  const beyond = listen.find(leavesMachine);
  return beyond === undefined ? undefined : withoutTls(beyond);
}

/** Throws an Error whose message is for a person. */
function tlsOf({ tlsCa: ca, tlsCert: cert, tlsKey: key, tlsAllow: allow = [] }: ServeOptions) {
  if (ca === undefined || cert === undefined || key === undefined) return undefined;
  return { identity: new Identity({ ca, cert, key }), allow } satisfies ServerTls;
}

async function serve(options: ServeOptions, command: Command): Promise<void> {
  const wrong = misuse(options);
  if (wrong !== undefined) command.error(`error: ${wrong}`);
  const log = pino(
    { level: options.logLevel, base: { service: 'vcpud' } },
    pino.destination({ fd: 2, sync: true }),
  );
  let server: RunningServer;
  try {
    const driver = options.driver === 'model' ? modelDriver(options.cpu) : NATIVE_DRIVER;
    const endpoints = options.listen ?? [parseEndpoint(DEFAULT_ENDPOINT)];
    server = await startServer(driver, { endpoints, tls: tlsOf(options) }, log);
  } catch (error) {
    process.stderr.write(`vcpud: ${(error as Error).message}\n`);
    process.exitCode = error instanceof VcpudError ? EXIT.unavailable : EXIT.failed;
    return;
  }
  process.stdout.write(server.targets.map((target) => `vcpud ${VERSION} listens on ${target}\n`).join(''));
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
    `unix:///PATH or tcp://ADDRESS:PORT, several times for several (default: ${DEFAULT_ENDPOINT})`,
    listener,
  )
  .option('--tls-ca <file>', 'TCP with mutual TLS: the CA of those who may call, PEM')
  .option('--tls-cert <file>', "this host's certificate, PEM")
  .option('--tls-key <file>', 'the key of it, PEM')
  .option(
    '--tls-allow <name>',
    'let in by TLS only certificates of this DNS name, URI or common name, several times for several',
    name,
  )
  .option('--grace <seconds>', 'how long calls under way may take to end after SIGTERM', seconds, 10)
  .option('--log-level <level>', LEVELS.join(', '), level, 'info')
  .action(serve);

await program.parseAsync();
