// A vcpud without KVM: every rpc of the API on a real socket, answered from a table, and a record of what was
// called. For tests of clients; what a real vcpud answers is for the tests on real kernels.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type sendUnaryData,
  status,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { packageDefinition } from '../../../lib/api/definitions.js';
import { attachDetails, type Detail } from '../../../lib/api/error-details.js';
import { nestedState } from '../../../lib/api/vcpu-state.js';
import { SIZE, SREGS_LAYOUT } from '../../../lib/kvm/abi.js';
import type { CreateVmResponse } from '../../../protos/gen/vcpud/v1/CreateVmResponse.js';
import type { ReadMemoryRequest__Output } from '../../../protos/gen/vcpud/v1/ReadMemoryRequest.js';
import type { Vcpu } from '../../../protos/gen/vcpud/v1/Vcpu.js';
import type { VcpuState } from '../../../protos/gen/vcpud/v1/VcpuState.js';
import { svmGuestMode } from '../../vectors/nested-states.js';

/** The services of the API by full name. */
export const SERVICES = Object.entries(packageDefinition).flatMap(([name, definition]) =>
  name.startsWith('vcpud.v1.') && name.endsWith('Service')
    ? [[name, definition as ServiceDefinition] as const]
    : [],
);

/** Every rpc: "VmService/GetVm". */
export const RPCS = SERVICES.flatMap(([, service]) =>
  Object.values(service).map(({ path }) => shortName(path)),
);

function shortName(path: string): string {
  return path.replace('/vcpud.v1.', '');
}

export interface Call {
  readonly rpc: string;
  /** One, or all of a stream. */
  readonly requests: readonly object[];
}

/** What an rpc answers: a message, or messages. Throws, or ends by throwing, what rpcError makes. */
export type Answer = (requests: readonly object[]) => object | AsyncIterable<object> | Promise<object>;

export interface FakeVcpud {
  /** For --endpoint. */
  readonly endpoint: string;
  readonly calls: Call[];
  /** Answers an rpc otherwise than ANSWERS from here on. */
  on(rpc: string, answer: Answer): void;
  stop(): void;
}

export async function startFakeVcpud(): Promise<FakeVcpud> {
  const folder = mkdtempSync(join(tmpdir(), 'fake-vcpud-'));
  const socket = join(folder, 'vcpud.sock');
  const calls: Call[] = [];
  const answers = new Map(Object.entries(ANSWERS));
  const answer = async (rpc: string, requests: readonly object[]) => {
    calls.push({ rpc, requests });
    const given = answers.get(rpc);
    if (given === undefined) throw new Error(`no answer for ${rpc}`);
    return given(requests);
  };
  const server = new Server();
  for (const [, service] of SERVICES) server.addService(service, implementation(service, answer));
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  return {
    endpoint: `unix://${socket}`,
    calls,
    on: (rpc, given) => void answers.set(rpc, given),
    stop: () => {
      server.forceShutdown();
      rmSync(folder, { recursive: true });
    },
  };
}

type Respond = (rpc: string, requests: readonly object[]) => Promise<object | AsyncIterable<object>>;

function implementation(service: ServiceDefinition, answer: Respond): UntypedServiceImplementation {
  const handlers: Record<string, UntypedHandleCall> = {};
  for (const [name, { path, requestStream, responseStream }] of Object.entries(service)) {
    const rpc = shortName(path);
    const unary: handleUnaryCall<object, object> = ({ request }, callback) =>
      reply(answer(rpc, [request]), callback);
    const clientStream: handleClientStreamingCall<object, object> = async (call, callback) => {
      const requests: object[] = [];
      try {
        for await (const request of call) requests.push(request as object);
      } catch {
        return; // the client went away
      }
      reply(answer(rpc, requests), callback);
    };
    const serverStream: handleServerStreamingCall<object, object> = async (call) => {
      try {
        const messages = (await answer(rpc, [call.request])) as AsyncIterable<object>;
        for await (const message of messages) call.write(message);
        call.end();
      } catch (error) {
        call.emit('error', error);
      }
    };
    handlers[name] = responseStream ? serverStream : requestStream ? clientStream : unary;
  }
  return handlers;
}

function reply(answer: Promise<object>, callback: sendUnaryData<object>): void {
  answer.then(
    (message) => callback(null, message),
    (error: Error) => callback(error),
  );
}

/** An error as vcpud's server sends it. */
export function rpcError(code: keyof typeof status, message: string, details: readonly Detail[]): Error {
  const metadata = new Metadata();
  attachDetails(metadata, status[code], message, details);
  return Object.assign(new Error(message), { code: status[code], details: message, metadata });
}

const TIME = { seconds: 1_767_225_600, nanos: 120_000_000 }; // 2026-01-01T00:00:00.120Z

export const WEB: NonNullable<CreateVmResponse['vm']> = {
  name: 'vms/web',
  vcpuCount: 1,
  memoryRegions: [
    { gpa: 0, sizeBytes: 4 * 1024 * 1024 },
    { gpa: 0xffff0000, sizeBytes: 64 * 1024 },
  ],
  runState: 'VM_RUN_STATE_PAUSED',
  driver: 'DRIVER_NATIVE',
  createTime: TIME,
  updateTime: TIME,
};

const WEB_0: Vcpu = {
  name: 'vms/web/vcpus/0',
  index: 0,
  runState: 'VCPU_RUN_STATE_PAUSED',
  lastExit: 'IO',
  entries: '9007199254740993',
};

export const NESTED = nestedState(Buffer.from(svmGuestMode()));

/** A vCPU in 64-bit mode, in L2, with an injected page fault. */
export function vcpuState(): VcpuState {
  const regs = Buffer.alloc(SIZE.regs);
  regs.writeBigUInt64LE(0xffff_8000_0000_1000n, 128); // RIP
  regs.writeBigUInt64LE(0x8000n, 48); // RSP
  regs.writeBigUInt64LE(0x202n, 136); // RFLAGS
  const sregs2 = Buffer.alloc(SIZE.sregs2);
  sregs2.writeUInt8(1, 19); // CS.L
  sregs2.writeBigUInt64LE(0x8001_0033n, SREGS_LAYOUT.cr0);
  sregs2.writeBigUInt64LE(0x5000n, SREGS_LAYOUT.cr3);
  sregs2.writeBigUInt64LE(0x20n, SREGS_LAYOUT.cr4);
  sregs2.writeBigUInt64LE(0x1500n, SREGS_LAYOUT.efer);
  const events = Buffer.alloc(SIZE.events);
  events.set([1, 14, 1, 0, 2], 0);
  return {
    cpuid: Buffer.alloc(3 * SIZE.cpuidEntry),
    tscKhz: 2_000_000,
    sregs2,
    xsave: Buffer.alloc(SIZE.xsave),
    msrs: Buffer.alloc(7 * SIZE.msrEntry),
    events,
    mpState: 0,
    debugregs: Buffer.alloc(SIZE.debugregs),
    regs,
    nestedState: NESTED,
  };
}

async function* stream(...messages: object[]): AsyncGenerator<object> {
  yield* messages;
}

const STOP = { stopDuration: { seconds: 0, nanos: 412_000 }, captureTime: TIME };

const HOST = {
  vcpudVersion: '0.1.0',
  kvmApiVersion: 12,
  kernelRelease: '6.1.0-41-amd64',
  cpuVendor: 'CPU_VENDOR_AMD',
  cpuModel: 'An AMD CPU',
  nested: { enabled: true, format: 'NESTED_STATE_FORMAT_SVM', maxSizeBytes: 4224 },
  capabilities: [{ name: 'NESTED_STATE', number: 157, value: 4224 }],
  drivers: ['DRIVER_NATIVE'],
  enforcedRules: ['SVM_HOST_CS_L_AND_D'],
  tscKhz: 2_000_000,
  memoryAvailableBytes: 1024 ** 3,
  xcr0Supported: 7,
} as const;

export const REQUIREMENTS = {
  name: 'vms/web',
  host: HOST,
  vcpuCount: 1,
  memoryRegions: [{ gpa: 0, sizeBytes: 4 * 1024 * 1024 }],
  memoryBytes: 4 * 1024 * 1024,
  cpuids: [Buffer.alloc(3 * SIZE.cpuidEntry)],
  xcr0: 7,
  xsaveBytes: 4096,
  tscKhz: 2_000_000,
  nestedFormat: 'NESTED_STATE_FORMAT_SVM',
} as const;

const TEXT = Buffer.from('sixteen byte row!');

/** Of a few bytes a text and then zeroes, of whole pages the first one filled and then zeroes. */
function readMemory({ gpa, sizeBytes }: ReadMemoryRequest__Output): AsyncGenerator<object> {
  const size = Number(sizeBytes);
  const data = size % 4096 === 0 ? Buffer.alloc(4096, 1) : TEXT.subarray(0, size);
  const zeroBytes = size - data.length;
  const zeroes = zeroBytes === 0 ? [] : [{ gpa: Number(gpa) + data.length, zeroBytes }];
  return stream({ gpa, data }, ...zeroes);
}

/** What each rpc answers where a test says nothing else. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  'HostService/GetHost': () => ({ host: HOST }),
  'HostService/CheckCompatibility': () => ({ findings: [], compatible: true }),
  'VmService/GetVmRequirements': () => ({ requirements: REQUIREMENTS, stopDuration: STOP.stopDuration }),
  'VmService/CreateVm': () => ({ vm: WEB }),
  'VmService/GetVm': () => ({ vm: WEB }),
  'VmService/ListVms': () => ({ vms: [WEB], nextPageToken: '' }),
  'VmService/DeleteVm': () => ({}),
  'VmService/RunVm': () => ({ vm: { ...WEB, runState: 'VM_RUN_STATE_RUNNING' } }),
  'VmService/PauseVm': () => ({ vm: WEB }),
  'VmService/WatchVm': () => stream({ eventTime: TIME, vm: WEB }, { eventTime: TIME, deleted: {} }),
  'VmService/WriteConsole': (requests) => ({
    writtenBytes: requests.reduce((sum, piece) => sum + (piece as { data: Buffer }).data.length, 0),
  }),
  'MigrationService/ResolveMigration': () => ({}),
  'VmService/GetVmState': () => ({
    state: { vcpus: [vcpuState()], clock: Buffer.alloc(SIZE.clock) },
    ...STOP,
  }),
  'VmService/SetVmState': () => ({ vm: WEB }),
  'VcpuService/GetVcpu': () => ({ vcpu: WEB_0 }),
  'VcpuService/ListVcpus': () => ({ vcpus: [WEB_0], nextPageToken: '' }),
  'VcpuService/GetVcpuState': () => ({ state: vcpuState(), ...STOP }),
  'VcpuService/SetVcpuState': () => ({ vcpu: WEB_0, ignored: [] }),
  'MemoryService/ReadMemory': ([request]) => readMemory(request as ReadMemoryRequest__Output),
  'MemoryService/WriteMemory': () => ({ writtenBytes: '64' }),
  'MemoryService/StartDirtyTracking': () => ({ vm: { ...WEB, dirtyTracking: true } }),
  'MemoryService/CollectDirtyPages': ([request]) => {
    const { rangesOnly } = request as { rangesOnly: boolean };
    const head = { head: { round: 1, pageCount: 3 } };
    if (rangesOnly)
      return stream(head, { gpa: 0x1000, rangeBytes: 8192 }, { gpa: 0xffff0000, rangeBytes: 4096 });
    const data = Buffer.alloc(4096, 7);
    return stream(head, { gpa: 0x1000, data }, { gpa: 0x2000, zeroBytes: 4096 }, { gpa: 0xffff0000, data });
  },
  'MemoryService/StopDirtyTracking': () => ({ vm: WEB }),
  'NestedStateService/GetNestedState': () => ({ nestedState: NESTED, ...STOP }),
  'NestedStateService/SetNestedState': () => ({ nestedState: NESTED, ignored: [] }),
  'NestedStateService/ValidateNestedState': () => ({
    violations: [],
    unjudgedRules: [],
    nestedState: NESTED,
  }),
  'NestedStateService/Reset': () => ({ nestedState: NESTED }),
  'NestedStateService/BatchGetNestedStates': () => ({
    nestedStates: [{ name: 'vms/web/vcpus/0', nestedState: NESTED }],
  }),
};
