// The server: composes the services, listens, and ends in good order. cli/vcpud.ts runs it.

import { chmodSync, existsSync, mkdirSync, statSync, unlinkSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import { Server, ServerCredentials, setLogger } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import type { Logger } from 'pino';
import { api } from '../lib/api/definitions.js';
import type { KvmDriver } from '../lib/kvm/port.js';
import { letHeapGrow } from '../lib/os/v8-heap.js';
import { probeHost } from '../lib/vm/host.js';
import { probeRules } from '../lib/vm/host-rules.js';
import { VmRegistry } from '../lib/vm/vm-registry.js';
import { hostService } from './host-service.js';
import { memoryDefinition, memoryService } from './memory-service.js';
import { nestedStateService } from './nested-state-service.js';
import { reflectedApi } from './reflection.js';
import { vcpuService } from './vcpu-service.js';
import { vmService } from './vm-service.js';

/** Where to listen: unix:///path or tcp://127.0.0.1:PORT. */
export interface Endpoint {
  readonly kind: 'unix' | 'tcp';
  /** The socket's path, or host:port. */
  readonly address: string;
}

const LOOPBACK = /^(127(?:\.\d{1,3}){3}|\[::1\]|localhost):(\d{1,5})$/;

/** Reads --listen. Throws an Error whose message is for a person. */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith('unix:///')) return { kind: 'unix', address: text.slice('unix://'.length) };
  if (text.startsWith('tcp://')) {
    const address = text.slice('tcp://'.length);
    const match = LOOPBACK.exec(address);
    if (match === null || Number(match[2]) > 65535) {
      throw new Error(`${text} is not a loopback address: TCP without mutual TLS is for this machine only`);
    }
    return { kind: 'tcp', address };
  }
  throw new Error(`${text} is neither unix:///PATH nor tcp://127.0.0.1:PORT`);
}

/** The services by name, as health knows them; '' is the whole server. */
const HEALTH_NAMES = [
  '',
  ...['Host', 'Vm', 'Memory', 'Vcpu', 'NestedState'].map((name) => `vcpud.v1.${name}Service`),
];

const SERVER_OPTIONS = {
  // channelz counts every call and every message; nobody asks a host-local service for it.
  'grpc.enable_channelz': 0,
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
} as const;

export interface RunningServer {
  /** Where it listens, as a client takes it: unix:/path or host:port. */
  readonly target: string;
  readonly vms: VmRegistry;
  /** Health says NOT_SERVING, calls under way may end within the grace period, then VMs and all else go. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Opens the driver's KVM, asks the host, listens. `extend` may add services before it listens (the bench's floor is one).
 * Throws KVM_UNAVAILABLE, or an Error whose message is for a person.
 */
export async function startServer(
  driver: KvmDriver,
  endpoint: Endpoint,
  log: Logger,
  extend: (server: Server) => void = () => undefined,
): Promise<RunningServer> {
  quietGrpc(log);
  letHeapGrow();
  const { kvm, profile } = probeHost(driver);
  const vms = new VmRegistry(kvm, profile, probeRules(kvm, profile));
  const server = new Server(SERVER_OPTIONS);
  server.addService(api.HostService.service, hostService(vms, log));
  server.addService(api.VmService.service, vmService(vms, log));
  server.addService(memoryDefinition, { ...memoryService(vms, log) });
  server.addService(api.VcpuService.service, vcpuService(vms, log));
  server.addService(api.NestedStateService.service, nestedStateService(vms, log));
  const health = new HealthImplementation(Object.fromEntries(HEALTH_NAMES.map((name) => [name, 'SERVING'])));
  health.addToServer(server);
  new ReflectionService(reflectedApi()).addToServer(server);
  extend(server);
  let target: string;
  try {
    target = await listen(server, endpoint);
  } catch (error) {
    await vms.close();
    throw error;
  }
  log.info({ target, host: { kernel: profile.kernelRelease, nested: profile.nested } }, 'listening');
  return {
    target,
    vms,
    stop: async (graceMs) => {
      for (const name of HEALTH_NAMES) health.setStatus(name, 'NOT_SERVING');
      vms.beginEnding();
      const drained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      // tryShutdown waits for calls under way, and for a stream whose client never ends it for ever.
      const grace = new Promise<void>((resolve) => setTimeout(resolve, graceMs).unref());
      await Promise.race([drained, grace]);
      await vms.close();
      server.forceShutdown();
      if (endpoint.kind === 'unix') removeSocket(endpoint.address);
    },
  };
}

/** grpc-js writes to the console by itself; it goes to the log instead. */
function quietGrpc(log: Logger): void {
  const line = (...parts: unknown[]) => log.debug({ grpc: parts.map(String).join(' ') }, 'grpc-js');
  setLogger({ error: line, info: line, debug: line });
}

async function listen(server: Server, endpoint: Endpoint): Promise<string> {
  if (endpoint.kind === 'tcp') {
    const port = await bind(server, endpoint.address);
    return endpoint.address.replace(/:\d+$/, `:${port}`);
  }
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
    await bind(server, `unix://${path}`);
  } finally {
    process.umask(umask);
  }
  chmodSync(path, 0o600);
  return `unix:${path}`;
}

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
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

function removeSocket(path: string): void {
  if (existsSync(path)) unlinkSync(path);
}
