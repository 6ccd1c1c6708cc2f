// vcpuctl against a vcpud that answers from a table: what each command calls and prints, and how it fails.
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EXIT_STATUSES } from '../../../cli/vcpuctl/failure.js';
import { GROUPS } from '../../../cli/vcpuctl/program.js';
import { actWith } from '../../../cli/vcpuctl/session.js';
import { REASONS } from '../../../lib/errors/vcpud-error.js';
import { type FakeStreams, fakeIo, type Outcome, vcpuctl } from './fake-io.js';
import {
  type FakeVcpud,
  NESTED,
  REQUIREMENTS,
  RPCS,
  rpcError,
  startFakeVcpud,
  vcpuState,
  WEB,
} from './fake-vcpud.js';

let vcpud: FakeVcpud;
let folder: string;

beforeEach(async () => {
  vcpud = await startFakeVcpud();
  folder = mkdtempSync(join(tmpdir(), 'vcpuctl-'));
});

afterEach(() => {
  vcpud.stop();
  rmSync(folder, { recursive: true });
});

const file = (name: string): string => join(folder, name);

/** Runs a command line against the fake. */
const ctl = (args: readonly string[], streams: FakeStreams = {}): Promise<Outcome> =>
  vcpuctl(['--endpoint', vcpud.endpoint, ...args], streams);

const refusal = (
  code: Parameters<typeof rpcError>[0],
  reason: string,
  metadata: Record<string, string> = {},
) =>
  rpcError(code, `refused: ${reason}`, [
    { type: 'ErrorInfo', message: { reason, domain: 'vcpud', metadata } },
  ]);

async function* stream(...messages: object[]): AsyncGenerator<object> {
  yield* messages;
}

/** Never goes on. */
async function* stuck(...messages: object[]): AsyncGenerator<object> {
  yield* messages;
  await new Promise(() => undefined);
}

/** Rpcs that no example of a command reaches, and why. */
const NOT_IN_EXAMPLES: Readonly<Record<string, string>> = {
  'MigrationService/PrepareVm':
    'a migration is led whole, between two real vcpuds: its token is worth nothing alone',
  'MigrationService/SendVm': 'the same: a stream of commands, each chosen by what the one before answered',
  'MigrationService/ReceiveVm': 'between vcpuds: asked of a destination by a source',
};

/** Every command of every group: "vm create" and so on. */
async function commandNames(): Promise<string[][]> {
  const names: string[][] = [];
  for (const { name, load } of GROUPS) {
    const group = new Command(name);
    (await load()).register(group, actWith(fakeIo()));
    names.push([name], ...group.commands.map((command) => [name, command.name()]));
  }
  return names;
}

describe('help', () => {
  test('every command has examples; they work, and together they reach every rpc of the API', async () => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      const examples: string[] = [];
      for (const words of [[], ...(await commandNames())]) {
        const { status, out } = await vcpuctl(['help', ...words]);
        expect([words.join(' '), status, out.includes('Examples:')]).toEqual([words.join(' '), 0, true]);
        examples.push(
          ...[...out.matchAll(/^ {2}\$ vcpuctl (.*?)(?: \|.*)?$/gm)].map(([, line]) => line as string),
        );
      }
      for (const name of ['web-0.nested', 'image', 'bios.bin', 'web.ram'])
        writeFileSync(name, Buffer.alloc(64, 1));
      writeFileSync('other-host.json', (await ctl(['--json', 'host', 'get'])).out);
      // States are written by the examples before they are read by others.
      const isWriter = (line: string) => line.includes(' --out ') || /^(vm )?save /.test(line);
      const writers = examples.filter(isWriter);
      // migrate speaks to two real vcpuds: unit/services/migration.test.ts.
      // The conformance suite asks a whole vcpud: its examples are run against real ones, by run-conformance.ts.
      const others = examples.filter((line) => !isWriter(line) && !/\b(conformance|migrate)\b/.test(line));
      for (const line of [...writers, ...others]) {
        // The other vcpud of a command about two is the fake as well.
        const words = line.replace(/--from \S+/, `--from ${vcpud.endpoint}`).split(' ');
        const { status, err } = await ctl(words, { stdin: [Buffer.from('input')] });
        expect([line, status, err]).toEqual([line, 0, '']);
      }
      const reached = new Set([...vcpud.calls.map(({ rpc }) => rpc), ...Object.keys(NOT_IN_EXAMPLES)]);
      expect([...reached].sort()).toEqual([...RPCS].sort());
      expect(vcpud.calls.filter(({ rpc }) => rpc in NOT_IN_EXAMPLES)).toEqual([]);
    } finally {
      process.chdir(before);
    }
  });

  test('says every exit status, and is also --help', async () => {
    const { out } = await vcpuctl(['help']);
    for (const { status, when } of EXIT_STATUSES)
      expect(out).toMatch(new RegExp(`^ +${status} +${when}$`, 'm'));
    expect((await vcpuctl(['--help'])).out).toBe(out);
    expect((await vcpuctl(['vm', 'create', '--help'])).out).toBe(
      (await vcpuctl(['help', 'vm', 'create'])).out,
    );
  });

  test('--version is the package’s', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await vcpuctl(['--version'])).toEqual({ status: 0, out: `${version}\n`, err: '' });
  });
});

describe('host check', () => {
  const FINDINGS = [
    {
      severity: 'COMPATIBILITY_SEVERITY_BLOCKER',
      reason: 'CPUID_FEATURE_MISSING',
      message: 'The VM has AES (CPUID 0x1.0 ECX bit 25), which this host does not offer.',
      subject: 'AES',
      sourceValue: 'yes',
      destinationValue: 'no',
    },
    {
      severity: 'COMPATIBILITY_SEVERITY_INFO',
      reason: 'CPU_MODEL_DIFFERS',
      message: 'The CPU changes from A to B; the guest goes on seeing the former.',
      subject: '',
      sourceValue: 'A',
      destinationValue: 'B',
    },
  ];
  const FROM = () => ['host', 'check', '--vm', 'web', '--from', vcpud.endpoint];

  test('says yes, and ends with 0, where there is no blocker', async () => {
    expect(await ctl(FROM())).toEqual({ status: 0, out: 'vms/web can move here\n', err: '' });
    const [, info] = FINDINGS;
    vcpud.on('HostService/CheckCompatibility', () => ({ findings: [info], compatible: true }));
    const { status, out } = await ctl(FROM());
    expect([status, out.split('\n')[0]]).toEqual([0, 'vms/web can move here']);
  });

  test('says every finding, and ends with 7, where there is one', async () => {
    vcpud.on('HostService/CheckCompatibility', () => ({ findings: FINDINGS, compatible: false }));
    const { status, out, err } = await ctl(FROM());
    expect(status).toBe(7);
    expect(out.split('\n')).toEqual([
      'vms/web must not move here',
      '',
      'SEVERITY  REASON                 SUBJECT  SOURCE  HERE',
      'blocker   CPUID_FEATURE_MISSING  AES      yes     no',
      'info      CPU_MODEL_DIFFERS               A       B',
      '',
      '  The VM has AES (CPUID 0x1.0 ECX bit 25), which this host does not offer.',
      '  The CPU changes from A to B; the guest goes on seeing the former.',
      '',
    ]);
    expect(err).toBe(
      'vcpuctl: The VM has AES (CPUID 0x1.0 ECX bit 25), which this host does not offer. [INCOMPATIBLE CPUID_FEATURE_MISSING]\n',
    );
  });

  test('--json prints the answer, and the blocker as the error', async () => {
    vcpud.on('HostService/CheckCompatibility', () => ({ findings: FINDINGS, compatible: false }));
    const { status, out, err } = await ctl(['--json', ...FROM()]);
    expect(status).toBe(7);
    expect(JSON.parse(out)).toEqual({ findings: FINDINGS, compatible: false });
    expect(JSON.parse(err)).toMatchObject({ code: 'INCOMPATIBLE', reason: 'CPUID_FEATURE_MISSING' });
  });

  test('relays what the source says, and from a file the same', async () => {
    await ctl(FROM());
    await ctl(['vm', 'requirements', 'web', '--out', file('web.requirements')]);
    await ctl(['host', 'check', '--in', file('web.requirements')]);
    const asked = vcpud.calls.filter(({ rpc }) => rpc === 'HostService/CheckCompatibility');
    expect(asked).toHaveLength(2);
    expect(asked[0]?.requests).toMatchObject([{ requirements: { name: 'vms/web', tscKhz: 2_000_000 } }]);
    expect(asked[1]?.requests).toEqual(asked[0]?.requests);
  });

  test.each([[], ['--vm', 'web'], ['--from', 'unix:///nowhere.sock'], ['--in', '-', '--vm', 'web']])(
    'with %s %s %s %s is wrong usage, and calls nothing',
    async (...options) => {
      const { status } = await ctl(['host', 'check', ...options.filter((word) => word !== undefined)]);
      expect(status).toBe(2);
      expect(vcpud.calls).toEqual([]);
    },
  );

  test('names the source where that is what does not answer', async () => {
    const { status, err } = await ctl(['host', 'check', '--vm', 'web', '--from', 'unix:///no/source.sock']);
    expect(status).toBe(3);
    expect(err).toContain('no answer from unix:///no/source.sock');
  });
});

describe('text for people', () => {
  test('of a host', async () => {
    const { status, out } = await ctl(['host']);
    expect(status).toBe(0);
    expect(out).toContain('kernel          6.1.0-41-amd64\n');
    expect(out).toContain('CPU             An AMD CPU (AMD)\n');
    expect(out).toContain('nested state    SVM, at most 4.1 KiB (4224 bytes)\n');
    expect(out).toContain('enforced rules  SVM_HOST_CS_L_AND_D\n');
    expect(out).toContain('\nCAPABILITY    NUMBER  VALUE\nNESTED_STATE  157     4224\n');
  });

  test('of a host without nesting says why', async () => {
    vcpud.on('HostService/GetHost', () => ({
      host: {
        nested: { enabled: false, disabledReason: 'kvm_amd was loaded with nested=0' },
        vmxCapabilityMsrs: [{ index: 0x480, value: 5 }],
      },
    }));
    const { out } = await ctl(['host', 'get']);
    expect(out).toContain('none: kvm_amd was loaded with nested=0\n');
    expect(out).toContain('none of those that differ between kernels\n');
    expect(out).toContain('\nVMX MSR  VALUE\n0x480    0x5\n');
  });

  test('of what a VM asks for', async () => {
    vcpud.on('VmService/GetVmRequirements', () => ({
      requirements: { ...REQUIREMENTS, vmxCapabilityMsrs: [{ index: 0x480, value: 5 }] },
    }));
    const { status, out } = await ctl(['vm', 'requirements', 'web']);
    expect(status).toBe(0);
    expect(out).toContain('CPU           An AMD CPU (AMD)\n');
    expect(out).toContain('CPUID         3 entries\n');
    expect(out).toContain('TSC           2000000 kHz\n');
    expect(out).toContain('\nVMX MSR  VALUE\n0x480    0x5\n');
  });

  test('of a VM, and of one that stopped by itself', async () => {
    vcpud.on('VmService/GetVm', () => ({
      vm: {
        ...WEB,
        runState: 'VM_RUN_STATE_STOPPED',
        stop: { reason: 'VM_STOP_REASON_SHUTDOWN', vcpuIndex: 0, message: 'a triple fault' },
      },
    }));
    const { out } = await ctl(['vm', 'get', 'web']);
    expect(out.split('\n')).toEqual([
      'name        vms/web',
      'state       stopped',
      'stopped by  vCPU 0, SHUTDOWN: a triple fault',
      'vCPUs       1',
      'memory      0x0: 4 MiB (4194304 bytes)',
      '            0xffff0000: 64 KiB (65536 bytes)',
      'irqchip     no',
      'PIT         no',
      'PC devices  no',
      'driver      native',
      'created     2026-01-01T00:00:00.120Z',
      'updated     2026-01-01T00:00:00.120Z',
      '',
    ]);
  });

  test('of lists goes through all pages', async () => {
    vcpud.on('VmService/ListVms', ([request]) => {
      const { pageToken } = request as { pageToken: string };
      return pageToken === '' ? { vms: [{ ...WEB, name: 'vms/a' }], nextPageToken: 'next' } : { vms: [WEB] };
    });
    const { out } = await ctl(['vm', 'list']);
    expect(out).toBe(
      [
        'NAME     STATE   VCPUS  MEMORY  CREATED\n',
        'vms/a    paused  1      4 MiB   2026-01-01T00:00:00.120Z\n',
        'vms/web  paused  1      4 MiB   2026-01-01T00:00:00.120Z\n',
      ].join(''),
    );
    expect(vcpud.calls.map(({ requests }) => requests)).toEqual([
      [{ pageSize: 1000, pageToken: '' }],
      [{ pageSize: 1000, pageToken: 'next' }],
    ]);
  });

  test('of vCPUs and what they hold', async () => {
    expect((await ctl(['vcpu', 'list', 'web'])).out).toBe(
      'NAME             STATE   LAST EXIT  ENTRIES\nvms/web/vcpus/0  paused  IO         9007199254740993\n',
    );
    expect((await ctl(['vcpu', 'get', 'web/0'])).out).toContain('entries    9007199254740993\n');
    const state = (await ctl(['vcpu', 'get-state', 'web/0'])).out;
    expect(state).toContain('stopped for    0.412 ms\n');
    expect(state).toContain('RIP            0xffff800000001000\n');
    const whole = (await ctl(['vm', 'get-state', 'web'])).out;
    expect(whole).toContain('irqchip      none\n');
    expect(whole).toContain('\nvCPU 0\nin L2          yes: the registers are those of L2\n');
  });

  test('of nested states, one and many', async () => {
    const { out } = await ctl(['nested', 'get', 'web/0']);
    expect(out).toContain('name            vms/web/vcpus/0\n');
    expect(out).toContain('stopped for     0.412 ms\n');
    expect(out).toContain('vmcb_pa         0x3000\n');
    const many =
      'NAME             FORMAT  L2   GIF  VMCB12/VMCS12  SIZE\n' +
      'vms/web/vcpus/0  SVM     yes  set  0x3000         4.1 KiB (4224 bytes)\n';
    expect((await ctl(['nested', 'batch', '--vm', 'web'])).out).toBe(many);
    expect((await ctl(['nested', 'list'])).out).toBe(many);
  });

  test('of a set names what the kernel does not hold', async () => {
    writeFileSync(file('state'), NESTED.data as Buffer);
    vcpud.on('NestedStateService/SetNestedState', () => ({
      nestedState: NESTED,
      ignored: [{ offset: 352, length: 8, field: 'vmcb12.control.avic_backing_page' }],
    }));
    const { out } = await ctl(['nested', 'set', 'web/0', '--in', file('state')]);
    expect(out).toBe(
      'vms/web/vcpus/0 holds SVM, 4.1 KiB (4224 bytes), flags GUEST_MODE, GIF_SET\n\n' +
        'Not held by the kernel, by its design:\n' +
        'FIELD                             OFFSET  BYTES\n' +
        'vmcb12.control.avic_backing_page  352     8\n',
    );
    const checked = await ctl(['nested', 'set', 'web/0', '--in', file('state'), '--validate-only']);
    expect(checked.out).toContain('no rule refuses it for vms/web/vcpus/0\n');
  });

  test('of a verdict: every broken rule, and what could not be judged', async () => {
    writeFileSync(file('state'), NESTED.data as Buffer);
    const fine = await ctl(['nested', 'validate', '--in', file('state'), '--vcpu', 'web/0']);
    expect([fine.status, fine.out]).toEqual([0, 'no rule refuses it for vms/web/vcpus/0\n']);
    vcpud.on('NestedStateService/ValidateNestedState', () => ({
      violations: [
        { reason: 'VMX_VPID_ZERO', errno: 'EINVAL', message: "L2's VPID is 0." },
        { reason: 'VMX_GUEST_CR3_ILLEGAL', returnValue: 2, message: "L2's CR3 is too high." },
        { reason: 'NESTED_DATA_TRUNCATED', message: 'The bytes end too early.' },
      ],
      unjudgedRules: ['VMX_LINK_POINTER_UNBACKED'],
    }));
    const { status, out, err } = await ctl(['nested', 'validate', '--in', file('state')]);
    expect(out).toBe(
      [
        'refused for a new vCPU of this host:',
        'RULE                   KERNEL     WHY',
        "VMX_VPID_ZERO          EINVAL     L2's VPID is 0.",
        "VMX_GUEST_CR3_ILLEGAL  returns 2  L2's CR3 is too high.",
        'NESTED_DATA_TRUNCATED  -          The bytes end too early.',
        '',
        'Not judged, as what is known of the target does not tell (1 rule):',
        '  VMX_LINK_POINTER_UNBACKED',
        '',
      ].join('\n'),
    );
    expect(status).toBe(5);
    expect(err).toContain("vcpuctl: L2's VPID is 0. [INVALID_ARGUMENT VMX_VPID_ZERO]\n");
  });

  test('of a reset on a host without nesting', async () => {
    vcpud.on('NestedStateService/Reset', () => ({}));
    const { out } = await ctl(['nested', 'reset', 'web/0']);
    expect(out).toBe('vms/web/vcpus/0 is reset; KVM of this host has no nested state\n');
  });
});

describe('what is asked of vcpud', () => {
  const requestOf = async (...args: string[]) => {
    const { status, err } = await ctl(args);
    expect([status, err]).toEqual([0, '']);
    return vcpud.calls.at(-1)?.requests[0];
  };

  test('a set asks for the checks alone, for the kernel alone, or for both', async () => {
    writeFileSync(file('state'), NESTED.data as Buffer);
    const set = ['nested', 'set', 'web/0', '--in', file('state')];
    expect(await requestOf(...set)).toMatchObject({ validateOnly: false, kernelVerdict: false });
    expect(await requestOf(...set, '--validate-only')).toMatchObject({ validateOnly: true });
    expect(await requestOf(...set, '--kernel-verdict')).toMatchObject({ kernelVerdict: true });
  });

  test('validate names a vCPU, describes one by files, or none', async () => {
    writeFileSync(file('state'), NESTED.data as Buffer);
    writeFileSync(file('host.json'), (await ctl(['--json', 'host'])).out);
    await ctl(['vcpu', 'get-state', 'web/0', '--out', file('vcpu.state')]);
    const validate = ['nested', 'validate', '--in', file('state')];
    expect(await requestOf(...validate)).not.toHaveProperty('target');
    expect(await requestOf(...validate, '--vcpu', 'web/0')).toMatchObject({ name: 'vms/web/vcpus/0' });
    const host = { format: 'NESTED_STATE_FORMAT_SVM', enforcedRules: ['SVM_HOST_CS_L_AND_D'] };
    const alone = await requestOf(...validate, '--host', file('host.json'));
    expect(alone).toMatchObject({ described: { ...host, cpuid: Buffer.alloc(0), sregs: Buffer.alloc(0) } });
    const { cpuid, sregs2, msrs, events } = vcpuState();
    const whole = { ...host, cpuid, sregs: sregs2, msrs, events };
    const both = await requestOf(...validate, '--host', file('host.json'), '--state', file('vcpu.state'));
    expect(both).toMatchObject({ described: whole });
    // Without --host the endpoint's own is asked.
    expect(await requestOf(...validate, '--state', file('vcpu.state'))).toMatchObject({ described: whole });
  });

  test('create takes regions, vCPUs and devices', async () => {
    const words = ['--memory', '0:4M', '--memory', '0xffff0000:64K', '--vcpus', '2', '--irqchip', '--pit'];
    expect(await requestOf('vm', 'create', 'web', ...words)).toMatchObject({
      vmId: 'web',
      vm: {
        vcpuCount: 2,
        memoryRegions: [
          { gpa: '0', sizeBytes: '4194304' },
          { gpa: '4294901760', sizeBytes: '65536' },
        ],
        irqchip: true,
        pit: true,
      },
    });
    expect(await requestOf('vm', 'create', 'web', '--memory', '0:4M')).toMatchObject({
      vm: { vcpuCount: 1, irqchip: false, pit: false },
    });
  });

  test('batch takes names of several VMs, of one, or a whole VM', async () => {
    const names = ['vms/web/vcpus/0', 'vms/db/vcpus/1'];
    expect(await requestOf('nested', 'batch', 'web/0', 'vms/db/vcpus/1')).toEqual({ parent: 'vms/-', names });
    expect(await requestOf('nested', 'batch', 'web/0', '--vm', 'vms/web')).toEqual({
      parent: 'vms/web',
      names: ['vms/web/vcpus/0'],
    });
    expect(await requestOf('nested', 'batch', '--vm', 'web')).toEqual({ parent: 'vms/web', names: [] });
  });

  test('list passes over a VM that is deleted meanwhile, and over nothing else', async () => {
    vcpud.on('VmService/ListVms', () => ({ vms: [{ ...WEB, name: 'vms/gone' }, WEB] }));
    const answering = (code: 'NOT_FOUND' | 'ABORTED' | 'INTERNAL') =>
      vcpud.on('NestedStateService/BatchGetNestedStates', ([request]) => {
        if ((request as { parent: string }).parent === 'vms/gone') throw refusal(code, 'VM_DELETED');
        return { nestedStates: [{ name: 'vms/web/vcpus/0', nestedState: NESTED }] };
      });
    for (const code of ['NOT_FOUND', 'ABORTED'] as const) {
      answering(code);
      const { status, out } = await ctl(['nested', 'list']);
      expect([status, out.split('\n').length]).toEqual([0, 3]);
    }
    answering('INTERNAL');
    expect((await ctl(['nested', 'list'])).status).toBe(1);
  });

  test('the endpoint comes from the environment where no option gives it', async () => {
    process.env['VCPUD_ENDPOINT'] = vcpud.endpoint;
    try {
      expect((await vcpuctl(['vm', 'list'])).status).toBe(0);
      expect((await vcpuctl(['vm', 'list', '--endpoint', 'unix:///nowhere/at.all'])).status).toBe(3);
    } finally {
      delete process.env['VCPUD_ENDPOINT'];
    }
  });

  test('files of TLS are for TCP: on a Unix socket they are not looked at', async () => {
    const tls = ['--tls-ca', file('none'), '--tls-cert', file('none'), '--tls-key', file('none')];
    expect(await ctl([...tls, 'vm', 'list'])).toMatchObject({ status: 0, err: '' });
    expect((await vcpuctl(['--endpoint', 'tcp://127.0.0.1:1', ...tls, 'vm', 'list'])).status).toBe(1);
  });
});

describe('--json', () => {
  const json = async (...args: string[]): Promise<unknown> =>
    JSON.parse((await ctl(['--json', ...args])).out);

  test('prints an rpc’s answer as proto3 JSON, before or after the command', async () => {
    const answer = await json('nested', 'get', 'web/0');
    expect(answer).toEqual({
      nestedState: {
        data: (NESTED.data as Buffer).toString('base64'),
        format: 'NESTED_STATE_FORMAT_SVM',
        flags: ['NESTED_STATE_FLAG_GUEST_MODE', 'NESTED_STATE_FLAG_GIF_SET'],
        unknownFlags: 0,
        sizeBytes: 4224,
        svm: { vmcbPa: '12288', gpat: '0' },
      },
      stopDuration: '0.000412s',
      captureTime: '2026-01-01T00:00:00.120Z',
    });
    expect(JSON.parse((await ctl(['nested', 'get', 'web/0', '--json'])).out)).toEqual(answer);
  });

  test('has every page of a list, 64-bit numbers as strings, and leaves out what is not set', async () => {
    expect(await json('vcpu', 'list', 'web')).toEqual({
      vcpus: [
        {
          name: 'vms/web/vcpus/0',
          index: 0,
          runState: 'VCPU_RUN_STATE_PAUSED',
          lastExit: 'IO',
          entries: '9007199254740993',
        },
      ],
    });
    expect(await json('vm', 'get', 'web')).toEqual({
      vm: {
        name: 'vms/web',
        vcpuCount: 1,
        memoryRegions: [
          { gpa: '0', sizeBytes: '4194304' },
          { gpa: '4294901760', sizeBytes: '65536' },
        ],
        irqchip: false,
        pit: false,
        pc: false,
        runState: 'VM_RUN_STATE_PAUSED',
        driver: 'DRIVER_NATIVE',
        createTime: '2026-01-01T00:00:00.120Z',
        updateTime: '2026-01-01T00:00:00.120Z',
        dirtyTracking: false,
      },
    });
    expect(await json('vm', 'delete', 'web')).toEqual({});
    expect(await json('nested', 'list')).toMatchObject({ nestedStates: [{ name: 'vms/web/vcpus/0' }] });
  });

  test('leaves a state out of the document where it goes to a file', async () => {
    const document = { stopDuration: '0.000412s', captureTime: '2026-01-01T00:00:00.120Z' };
    expect(await json('vm', 'get-state', 'web', '--out', file('vm'))).toEqual(document);
    expect(await json('vcpu', 'get-state', 'web/0', '--out', file('vcpu'))).toEqual(document);
    expect(await json('vcpu', 'get-state', 'web/0')).toMatchObject({ ...document, state: { mpState: 0 } });
  });

  test('prints streams a line a message', async () => {
    const lines = async (...args: string[]) =>
      (await ctl(['--json', ...args])).out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown);
    expect(await lines('vm', 'watch', 'web')).toMatchObject([
      { eventTime: '2026-01-01T00:00:00.120Z', vm: { name: 'vms/web' } },
      { eventTime: '2026-01-01T00:00:00.120Z', deleted: {} },
    ]);
    expect(await lines('memory', 'read', 'web', '--gpa', '0x1000', '--size', '64')).toEqual([
      { gpa: '4096', data: Buffer.from('sixteen byte row!').toString('base64') },
      { gpa: '4113', zeroBytes: '47' },
    ]);
    const page = Buffer.alloc(4096, 7).toString('base64');
    expect(await lines('memory', 'collect-dirty', 'web')).toEqual([
      { gpa: '0', head: { round: '1', pageCount: '3' } },
      { gpa: '4096', data: page },
      { gpa: '8192', zeroBytes: '4096' },
      { gpa: '4294901760', data: page },
    ]);
    expect(await lines('memory', 'collect-dirty', 'web', '--ranges')).toEqual([
      { gpa: '0', head: { round: '1', pageCount: '3' } },
      { gpa: '4096', rangeBytes: '8192' },
      { gpa: '4294901760', rangeBytes: '4096' },
    ]);
    const out = file('ram');
    expect(await json('memory', 'read', 'web', '--gpa', '0x1000', '--size', '64', '--out', out)).toEqual({
      file: out,
      gpa: '4096',
      dataBytes: '17',
      zeroBytes: '47',
    });
  });
});

describe('state files', () => {
  test('are set again as they were got', async () => {
    for (const [group, name, set] of [
      ['vm', 'web', 'VmService/SetVmState'],
      ['vcpu', 'web/0', 'VcpuService/SetVcpuState'],
    ] as const) {
      const path = file(`${group}.state`);
      expect((await ctl([group, 'get-state', name, '--out', path])).out).toMatch(/stopped for 0\.412 ms\n$/);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect((await ctl([group, 'set-state', name, '--in', path])).status).toBe(0);
      const vcpu = { tscKhz: 2_000_000, nestedState: { data: NESTED.data } };
      expect(vcpud.calls.at(-1)).toMatchObject({
        rpc: set,
        requests: [{ state: group === 'vm' ? { vcpus: [vcpu] } : vcpu }],
      });
    }
  });

  test('of the wrong kind are refused before anything is called', async () => {
    writeFileSync(file('bad'), Buffer.alloc(20, 0xff));
    const { status, err } = await ctl(['vm', 'set-state', 'web', '--in', file('bad')]);
    expect([status, vcpud.calls]).toEqual([5, []]);
    expect(err).toContain('bad is not a state file (a vcpud.v1.VmState message)');
    expect(err).toContain('[INVALID_ARGUMENT STATE_FILE_MALFORMED]');
  });

  test.each([
    ['no JSON', 'no JSON at all'],
    ['a host without nesting', '{"host":{"nested":{"enabled":false}}}'],
    [
      'rules that are no names',
      '{"host":{"nested":{"format":"NESTED_STATE_FORMAT_SVM"},"enforcedRules":[1]}}',
    ],
  ])('of a host: %s is refused before a verdict is asked', async (_what, text) => {
    writeFileSync(file('bad'), text);
    writeFileSync(file('state'), NESTED.data as Buffer);
    const args = ['nested', 'validate', '--in', file('state'), '--host', file('bad')];
    const { status, err } = await ctl(args);
    expect([status, vcpud.calls]).toEqual([5, []]);
    expect(err).toContain('bad is not what vcpuctl --json host get prints');
    expect(err).toContain('[INVALID_ARGUMENT HOST_FILE_MALFORMED]');
  });

  test('of a nested state are the kernel’s bytes', async () => {
    const path = file('nested');
    await ctl(['nested', 'get', 'web/0', '--out', path]);
    expect(readFileSync(path).equals(NESTED.data as Buffer)).toBe(true);
    await ctl(['nested', 'set', 'web/0', '--in', '-', '--validate-only'], {
      stdin: [Buffer.from('any'), Buffer.from('thing')],
    });
    expect(vcpud.calls.at(-1)?.requests[0]).toMatchObject({
      nestedState: { data: Buffer.from('anything') },
      validateOnly: true,
    });
  });

  test('that cannot be read or written fail with the errno', async () => {
    const unread = await ctl(['nested', 'set', 'web/0', '--in', file('none')]);
    expect(unread.status).toBe(1);
    expect(unread.err).toMatch(/^vcpuctl: cannot read .*none: ENOENT.* \[CLIENT ENOENT\]\n$/);
    const unwritten = await ctl(['nested', 'get', 'web/0', '--out', folder]);
    expect([unwritten.status, unwritten.err.includes('[CLIENT EISDIR]')]).toEqual([1, true]);
    for (const args of [
      ['memory', 'read', 'web', '--gpa', '0', '--size', '1', '--out', join(folder, 'no', 'where')],
      ['memory', 'write', 'web', '--gpa', '0', '--in', file('none')],
      ['vm', 'set-state', 'web', '--in', file('none')],
    ]) {
      const { status, err } = await ctl(args);
      expect([status, err.includes('[CLIENT ENOENT]')]).toEqual([1, true]);
    }
  });
});

describe('guest memory', () => {
  const RANGE = ['--gpa', '0x1000', '--size', '64'];
  const CONTENT = Buffer.concat([Buffer.from('sixteen byte row!'), Buffer.alloc(47)]);

  test('is read as a hexdump', async () => {
    const { out } = await ctl(['memory', 'read', 'web', ...RANGE]);
    expect(out).toBe(
      [
        '0000000000001000  73 69 78 74 65 65 6e 20  62 79 74 65 20 72 6f 77  |sixteen byte row|\n',
        '0000000000001010  21 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |!...............|\n',
        '0000000000001020  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n',
        '*\n',
        '0000000000001040\n',
      ].join(''),
    );
  });

  test('is tracked: its dirty pages come as ranges, without what they hold', async () => {
    expect((await ctl(['memory', 'start-tracking', 'web'])).out).toBe(
      'vms/web: written pages are kept until they are collected\n',
    );
    const { out } = await ctl(['memory', 'collect-dirty', 'web', '--resend']);
    expect(out).toBe(
      [
        'GPA         SIZE\n',
        '0x1000      8 KiB (8192 bytes)\n',
        '0xffff0000  4 KiB (4096 bytes)\n',
        '\n3 dirty pages of vms/web collected\n',
      ].join(''),
    );
    expect(vcpud.calls.at(-1)?.requests).toMatchObject([{ name: 'vms/web', rangesOnly: true, resend: true }]);
    vcpud.on('MemoryService/CollectDirtyPages', () => stream({ head: { round: 2, pageCount: 0 } }));
    expect((await ctl(['memory', 'collect-dirty', 'web'])).out).toBe('0 dirty pages of vms/web collected\n');
    expect((await ctl(['memory', 'stop-tracking', 'web'])).out).toBe(
      'vms/web: written pages are not kept any more\n',
    );
    vcpud.on('VmService/GetVm', () => ({ vm: { ...WEB, dirtyTracking: true } }));
    expect((await ctl(['vm', 'get', 'web'])).out).toMatch(
      /^tracking +written pages are kept until they are collected$/m,
    );
  });

  test('is read into a file with holes, and as raw bytes', async () => {
    const { out } = await ctl(['memory', 'read', 'web', ...RANGE, '--out', file('ram')]);
    expect(out).toBe(`${file('ram')}: 64 bytes from 0x1000 of vms/web, 47 bytes of them never written\n`);
    expect(readFileSync(file('ram')).equals(CONTENT)).toBe(true);
    const io = await ctl(['memory', 'read', 'web', ...RANGE, '--out', '-']);
    expect(Buffer.from(io.out).equals(CONTENT)).toBe(true);
  });

  test('takes the place of an older, longer file', async () => {
    writeFileSync(file('ram'), Buffer.alloc(1000, 7));
    await ctl(['memory', 'read', 'web', ...RANGE, '--out', file('ram')]);
    expect(readFileSync(file('ram')).equals(CONTENT)).toBe(true);
  });

  test('is written to what is no regular file as it comes', async () => {
    symlinkSync('/dev/null', file('null'));
    expect((await ctl(['memory', 'read', 'web', ...RANGE, '--out', file('null')])).status).toBe(0);
    expect(readdirSync(folder)).toEqual(['null']);
  });

  test('that ends early leaves no file, and an older one as it was', async () => {
    writeFileSync(file('ram'), 'older');
    vcpud.on('MemoryService/ReadMemory', async function* () {
      yield { gpa: 0x1000, data: Buffer.from('begin') };
      throw refusal('ABORTED', 'VM_DELETED');
    });
    const { status } = await ctl(['memory', 'read', 'web', ...RANGE, '--out', file('ram')]);
    expect(status).toBe(1);
    expect(readdirSync(folder)).toEqual(['ram']);
    expect(readFileSync(file('ram'), 'utf8')).toBe('older');
  });

  test('is written from a file or from standard input, zeroes as their number', async () => {
    const zeroes = Buffer.alloc(8192);
    writeFileSync(file('image'), Buffer.concat([Buffer.from('head'.repeat(1024)), zeroes]));
    const { out } = await ctl(['memory', 'write', 'web', '--gpa', '64K', '--in', file('image')]);
    expect(out).toBe('64 bytes written at 0x10000 of vms/web\n');
    expect(vcpud.calls.at(-1)?.requests).toMatchObject([
      { name: 'vms/web', gpa: '65536', content: 'data', data: Buffer.from('head'.repeat(1024)) },
      { name: 'vms/web', gpa: '69632', content: 'zeroBytes', zeroBytes: '8192' },
    ]);
    await ctl(['memory', 'write', 'web', '--gpa', '0', '--in', '-'], {
      stdin: [Buffer.from('x'), Buffer.from('y')],
    });
    expect(vcpud.calls.at(-1)?.requests).toMatchObject([
      { data: Buffer.from('x') },
      { gpa: '1', data: Buffer.from('y') },
    ]);
  });
});

describe('watch', () => {
  const eventTime = { seconds: 1_767_225_600, nanos: 0 };

  test('prints what happens, line by line, and ends with the VM', async () => {
    vcpud.on('VmService/WatchVm', () =>
      stream(
        { eventTime, vm: { ...WEB, runState: 'VM_RUN_STATE_RUNNING' } },
        { eventTime, console: { vcpuIndex: 0, data: Buffer.from('boot') } },
        { eventTime, console: { vcpuIndex: 0, data: Buffer.from('ed\n') } },
        { eventTime, exit: { vcpuIndex: 0, exit: 'HLT' } },
        {
          eventTime,
          vm: {
            ...WEB,
            runState: 'VM_RUN_STATE_STOPPED',
            stop: { reason: 'VM_STOP_REASON_HALTED', message: 'every vCPU halted' },
          },
        },
        { eventTime, deleted: {} },
      ),
    );
    const { status, out } = await ctl(['vm', 'watch', 'web', '--history']);
    expect(status).toBe(0);
    expect(vcpud.calls[0]?.requests).toEqual([{ name: 'vms/web', consoleHistory: true }]);
    expect(out.replaceAll('2026-01-01T00:00:00.000Z  ', '').split('\n')).toEqual([
      'running',
      'vcpu 0 console  booted',
      'vcpu 0 exit     HLT',
      'stopped (HALTED): every vCPU halted',
      'deleted',
      '',
    ]);
  });

  test('ends with 130 at Ctrl-C, having shown what it had', async () => {
    vcpud.on('VmService/WatchVm', () =>
      stuck(
        { eventTime, vm: WEB },
        { eventTime, console: { vcpuIndex: 0, data: Buffer.from('no end\nof li') } },
      ),
    );
    const io = fakeIo({
      onOutput: (text) => void (text.includes('no end') && queueMicrotask(() => io.interrupt())),
    });
    const { run } = await import('../../../cli/vcpuctl/program.js');
    expect(await run(['--endpoint', vcpud.endpoint, 'vm', 'watch', 'web'], io)).toBe(130);
    expect(io.output().toString()).toMatch(/no end\n.*console {2}of li\n$/);
    expect(io.errors()).toBe('');
  });

  test('ends well where its reader has had enough', async () => {
    vcpud.on('VmService/WatchVm', () => stuck({ eventTime, vm: WEB }, { eventTime, vm: WEB }));
    expect(await ctl(['vm', 'watch', 'web'], { writesTaken: 1 })).toMatchObject({ status: 0, err: '' });
  });
});

describe('failures', () => {
  test.each(Object.entries(REASONS).map(([reason, { status }]) => ({ reason, status })))(
    '$reason ends with the status of $status',
    async ({ reason, status: code }) => {
      vcpud.on('VmService/GetVm', () => {
        throw refusal(code, reason);
      });
      const expected = {
        UNAVAILABLE: 3,
        NOT_FOUND: 4,
        INVALID_ARGUMENT: 5,
        OUT_OF_RANGE: 5,
        FAILED_PRECONDITION: 5,
        ALREADY_EXISTS: 5,
        PERMISSION_DENIED: 5,
        CANCELLED: 1,
        RESOURCE_EXHAUSTED: 1,
        ABORTED: 1,
        INTERNAL: 1,
        DATA_LOSS: 1,
        UNIMPLEMENTED: 1,
      }[code];
      const { status, out, err } = await ctl(['vm', 'get', 'web']);
      expect([status, out, err]).toEqual([expected, '', `vcpuctl: refused: ${reason} [${code} ${reason}]\n`]);
    },
  );

  test('say fields and metadata on lines of their own', async () => {
    const message = 'ASID must not be 0';
    vcpud.on('NestedStateService/SetNestedState', () => {
      throw rpcError('INVALID_ARGUMENT', message, [
        {
          type: 'ErrorInfo',
          message: { reason: 'SVM_ASID_ZERO', domain: 'vcpud', metadata: { vcpu_holds: 'former state' } },
        },
        {
          type: 'BadRequest',
          message: {
            fieldViolations: [
              { field: 'nested_state.data', description: message },
              { field: 'vmcb12.control.asid', description: 'is 0' },
            ],
          },
        },
      ]);
    });
    const args = ['nested', 'set', 'web/0', '--in', '-'];
    expect(await ctl(args)).toEqual({
      status: 5,
      out: '',
      err: [
        'vcpuctl: ASID must not be 0 [INVALID_ARGUMENT SVM_ASID_ZERO]',
        '  field nested_state.data',
        '  field vmcb12.control.asid: is 0',
        '  vcpu_holds: former state',
        '',
      ].join('\n'),
    });
    const { err } = await ctl(['--json', ...args]);
    expect(JSON.parse(err)).toEqual({
      code: 'INVALID_ARGUMENT',
      reason: 'SVM_ASID_ZERO',
      message,
      metadata: { vcpu_holds: 'former state' },
      fieldViolations: [
        { field: 'nested_state.data', description: message },
        { field: 'vmcb12.control.asid', description: 'is 0' },
      ],
    });
  });

  test('to reach a vcpud say where none was', async () => {
    const { status, err } = await vcpuctl(['--endpoint', `unix://${file('none')}`, 'host']);
    expect(status).toBe(3);
    expect(err).toContain(`vcpuctl: no answer from unix://${file('none')}: `);
    expect(err).toMatch(/ENOENT .*none \[UNAVAILABLE\]\n$/);
  });

  test.each([
    { what: 'a call', args: ['vm', 'get', 'web'], rpc: 'VmService/GetVm' },
    {
      what: 'a memory read',
      args: ['memory', 'read', 'web', '--gpa', '0', '--size', '9'],
      rpc: 'MemoryService/ReadMemory',
    },
    {
      what: 'a memory write',
      args: ['memory', 'write', 'web', '--gpa', '0', '--in', '-'],
      rpc: 'MemoryService/WriteMemory',
    },
    {
      what: 'a collect of dirty pages',
      args: ['memory', 'collect-dirty', 'web'],
      rpc: 'MemoryService/CollectDirtyPages',
    },
    { what: 'a watch that never begins', args: ['vm', 'watch', 'web'], rpc: 'VmService/WatchVm' },
  ])('$what without an answer ends with --timeout', async ({ args, rpc }) => {
    vcpud.on(rpc, () =>
      rpc.startsWith('VmService/Get') || rpc.includes('Write') ? new Promise(() => undefined) : stuck(),
    );
    const { status, err } = await ctl(['--timeout', '0.2', ...args], { stdin: [Buffer.from('x')] });
    expect([status, err.endsWith('[DEADLINE_EXCEEDED]\n')]).toEqual([6, true]);
  });

  test('a stream that moves may last longer than --timeout', async () => {
    vcpud.on('MemoryService/ReadMemory', async function* () {
      for (let gpa = 0; gpa < 6; gpa += 1) {
        await new Promise((resolve) => setTimeout(resolve, 200));
        yield { gpa, data: Buffer.from([gpa]) };
      }
    });
    const { status } = await ctl(['--timeout', '1', 'memory', 'read', 'web', '--gpa', '0', '--size', '6']);
    expect(status).toBe(0);
  });

  test('a reader that has had enough is none', async () => {
    expect(await ctl(['vm', 'list'], { writesTaken: 0 })).toEqual({ status: 0, out: '', err: '' });
    expect(await vcpuctl(['--help'], { writesTaken: 0 })).toEqual({ status: 0, out: '', err: '' });
  });
});

describe('wrong usage', () => {
  test.each([
    { args: ['bogus'], message: "unknown command 'bogus'" },
    { args: ['vm', 'bogus'], message: "unknown command 'bogus'" },
    { args: ['host', 'get', 'extra'], message: 'too many arguments' },
    { args: ['vm', 'get'], message: "missing required argument 'vm'" },
    { args: ['vm', 'get', 'web/0'], message: 'A VM is vms/{vm}, or {vm} for short.' },
    { args: ['vcpu', 'get', 'web'], message: 'A vCPU is vms/{vm}/vcpus/{index}' },
    { args: ['vm', 'create', 'web'], message: "required option '--memory <gpa:size>' not specified" },
    { args: ['vm', 'create', 'web', '--memory', '4M'], message: 'A region is GPA:SIZE' },
    { args: ['vm', 'list', '--bogus'], message: "unknown option '--bogus'" },
    { args: ['--timeout', '0', 'vm', 'list'], message: 'A number of seconds' },
    {
      args: ['--endpoint', 'tcp://10.0.0.1:1', 'vm', 'list'],
      message: 'it needs --tls-ca, --tls-cert and --tls-key',
    },
    {
      args: ['nested', 'validate', '--in', 'x', '--vcpu', 'web/0', '--state', 'y'],
      message: "option '--vcpu <vcpu>' cannot be used with option '--state <file>'",
    },
    { args: ['conformance', '--only', '('], message: 'Invalid regular expression' },
    { args: ['nested', 'batch'], message: 'name vCPUs, or a VM with --vm' },
  ])('$args ends with 2 and says: $message', async ({ args, message }) => {
    const { status, out, err } = await vcpuctl(args);
    expect([status, out]).toEqual([2, '']);
    expect(err).toContain(message);
    expect(err).toContain('[USAGE]');
    const document = JSON.parse((await vcpuctl(['--json', ...args])).err) as {
      code: string;
      message: string;
    };
    expect([document.code, document.message.includes(message)]).toEqual(['USAGE', true]);
  });

  test.each([{ args: [] }, { args: ['vm'] }])(
    'no command, after $args, shows help on standard error',
    async ({ args }) => {
      const { status, out, err } = await vcpuctl(args);
      expect([status, out, err.startsWith('Usage: vcpuctl')]).toEqual([2, '', true]);
    },
  );
});
