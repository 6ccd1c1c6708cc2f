// The server: composes the services, listens, and ends in good order. cli/vcpud.ts runs it.

import { chmodSync, existsSync, mkdirSync, statSync, unlinkSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import { Server, ServerCredentials, setLogger } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import type { Logger } from 'pino';
import { api } from '../lib/api/definitions.js';
import { type Endpoint, endpointText, leavesMachine, targetOf } from '../lib/api/endpoint.js';
import { Peers } from '../lib/api/peers.js';
import type { KvmDriver } from '../lib/kvm/port.js';
import { letHeapGrow } from '../lib/os/v8-heap.js';
import { probeHost } from '../lib/vm/host.js';
import { probeRules } from '../lib/vm/host-rules.js';
import { VmRegistry } from '../lib/vm/vm-registry.js';
import { hostService } from './host-service.js';
import { memoryDefinition, memoryService } from './memory-service.js';
import { migrationService } from './migration-service.js';
import { nestedStateService } from './nested-state-service.js';
import { reflectedApi } from './reflection.js';
import { MutualTls, type ServerTls } from './tls.js';
import { vcpuService } from './vcpu-service.js';
import { vmService } from './vm-service.js';

/** Where and how to listen. */
export interface Listening {
  /** One at least. */
  readonly endpoints: readonly Endpoint[];
  /** How TCP is served; without it, TCP is for this machine alone, in plain text. Unix sockets are their owner's. */
  readonly tls: ServerTls | undefined;
}

/** The services by name, as health knows them; '' is the whole server. */
const HEALTH_NAMES = [
  '',
  ...['Host', 'Vm', 'Memory', 'Vcpu', 'NestedState', 'Migration'].map((name) => `vcpud.v1.${name}Service`),
];

const SERVER_OPTIONS = {
  // channelz counts every call and every message; nobody asks a host-local service for it.
  'grpc.enable_channelz': 0,
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
} as const;

export interface RunningServer {
  /** Where it listens, as clients take it, unix:/path or host:port; in the order of the endpoints. */
  readonly targets: readonly string[];
  readonly vms: VmRegistry;
  /** The way to other vcpuds, with this one's identity. */
  readonly peers: Peers;
  /** Health says NOT_SERVING, calls under way may end within the grace period, then VMs and all else go. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Opens the driver's KVM, asks the host, listens. `extend` may add services before it listens (the bench's floor is one).
 * Throws KVM_UNAVAILABLE, or an Error whose message is for a person. Where it can't listen on one endpoint it does on none.
 */
export async function startServer(
  driver: KvmDriver,
  listening: Listening,
  log: Logger,
  extend: (server: Server) => void = () => undefined,
): Promise<RunningServer> {
  quietGrpc(log);
  letHeapGrow();
  const { kvm, profile } = probeHost(driver);
  const vms = new VmRegistry(kvm, profile, probeRules(kvm, profile));
  const peers = new Peers(listening.tls?.identity);
  const server = new Server(SERVER_OPTIONS);
  server.addService(api.HostService.service, hostService(vms, log));
  server.addService(api.VmService.service, vmService(vms, log));
  server.addService(memoryDefinition, { ...memoryService(vms, log) });
  server.addService(api.VcpuService.service, vcpuService(vms, log));
  server.addService(api.NestedStateService.service, nestedStateService(vms, log));
  server.addService(api.MigrationService.service, migrationService(vms, peers, log));
  const health = new HealthImplementation(Object.fromEntries(HEALTH_NAMES.map((name) => [name, 'SERVING'])));
  health.addToServer(server);
  new ReflectionService(reflectedApi()).addToServer(server);
  extend(server);
  const listeners = new Listeners(server, listening.tls, log);
  try {
    for (const endpoint of listening.endpoints) await listeners.open(endpoint);
  } catch (error) {
    server.forceShutdown();
    listeners.close();
    await vms.close();
    throw error;
  }
  const { targets } = listeners;
  log.info({ targets, host: { kernel: profile.kernelRelease, nested: profile.nested } }, 'listening');
  return {
    targets,
    vms,
    peers,
    stop: async (graceMs) => {
      for (const name of HEALTH_NAMES) health.setStatus(name, 'NOT_SERVING');
      vms.beginEnding();
      const drained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      // tryShutdown waits for calls under way, and for a stream whose client never ends it for ever.
      const grace = new Promise<void>((resolve) => setTimeout(resolve, graceMs).unref());
      await Promise.race([drained, grace]);
      await vms.close();
      server.forceShutdown();
      listeners.close();
    },
  };
}

/** grpc-js writes to the console by itself; it goes to the log instead. */
function quietGrpc(log: Logger): void {
  const line = (...parts: unknown[]) => log.debug({ grpc: parts.map(String).join(' ') }, 'grpc-js');
  setLogger({ error: line, info: line, debug: line });
}

/** What one server listens on. */
class Listeners {
  readonly targets: string[] = [];
  private readonly sockets: string[] = [];
  private readonly server: Server;
  private readonly tls: MutualTls | undefined;
  private readonly stopFollowing: (() => void) | undefined;

  constructor(server: Server, tls: ServerTls | undefined, log: Logger) {
    this.server = server;
    if (tls === undefined) return;
    const credentials = new MutualTls(tls, log);
    this.tls = credentials;
    this.stopFollowing = tls.identity.follow({
      changed: (material) => {
        credentials.use(material);
        log.info('the TLS files have changed: new connections are made with what they hold now');
      },
      refused: (error) => log.error({ err: error }, 'the TLS files have changed and are not used'),
    });
  }

  /** Throws an Error that names the endpoint. */
  async open(endpoint: Endpoint): Promise<void> {
    this.targets.push(endpoint.kind === 'tcp' ? await this.openTcp(endpoint) : await this.openUnix(endpoint));
  }

  /** Takes away what the server leaves of them when it has ended. */
  close(): void {
    this.stopFollowing?.();
    for (const path of this.sockets) if (existsSync(path)) unlinkSync(path);
  }

  private async openTcp(endpoint: Endpoint): Promise<string> {
    if (this.tls === undefined && leavesMachine(endpoint)) throw new Error(withoutTls(endpoint));
    const port = await bind(this.server, endpoint, this.tls ?? ServerCredentials.createInsecure());
    return endpoint.address.replace(/:\d+$/, `:${port}`);
  }

  private async openUnix(endpoint: Endpoint): Promise<string> {
    const path = endpoint.address;
    mkdirSync(dirname(path), { recursive: true });
    if (existsSync(path)) {
      if (!statSync(path).isSocket()) throw new Error(`${path} is there and is not a socket`);
      if (await answers(path)) throw new Error(`another process listens on ${path}`);
      unlinkSync(path); // left behind by one that was killed
    }
    // The socket is the only door there is: it opens for its owner alone, from its first moment on.
    const umask = process.umask(0o177);
    try {
      await bind(this.server, endpoint, ServerCredentials.createInsecure());
    } finally {
      process.umask(umask);
    }
    this.sockets.push(path);
    chmodSync(path, 0o600);
    return targetOf(endpoint);
  }
}

/** Why an endpoint that leaves the machine is not listened on without TLS, and what to do. */
export function withoutTls(endpoint: Endpoint): string {
  return (
    `${endpointText(endpoint)} is not a loopback address: TCP beyond this machine is served with mutual TLS only, ` +
    'by --tls-ca, --tls-cert and --tls-key'
  );
}

/** The port. */
function bind(server: Server, endpoint: Endpoint, credentials: ServerCredentials): Promise<number> {
  const address = endpoint.kind === 'unix' ? `unix://${endpoint.address}` : endpoint.address;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(new Error(`cannot listen on ${address}: ${error.message}`));
    });
  });
}

/** Whether somebody listens on a socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
