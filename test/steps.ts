// What npm test does: the steps as a table, each with its jobs. main.ts chooses and runs them.

import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CpuKind, nestedKvm } from './harness/host-kind.js';

export const GROUPS = {
  unit: 'checks of the sources, and unit tests: anywhere',
  model: 'the conformance suite on both models of a kernel: anywhere',
  amd: 'tests, suite and fuzz on a real kernel with nested SVM',
  intel: 'suite, fuzz, demo and live migrations on a real kernel with nested VMX',
} as const;

export type Group = keyof typeof GROUPS;

/** Where a job runs: on this machine as it is, or in a host of the testbed that is its own. */
export type Place =
  | { readonly kind: 'here' }
  | { readonly kind: 'emulated'; readonly cpu: CpuKind; readonly nested: boolean };

/** One command, and how its end is read. */
export interface Job {
  readonly name: string;
  readonly place: Place;
  readonly argv: readonly string[];
  /** counts: its output says them (counts.ts). status: it is one check, and its exit status tells. */
  readonly verdict: 'counts' | 'status';
}

export interface Step {
  readonly name: string;
  readonly group: Group;
  readonly what: string;
  /** `files`: only these test files, where the step runs test files. */
  readonly jobs: (files: readonly string[]) => readonly Job[];
}

const FOLDER = dirname(fileURLToPath(import.meta.url));
const HERE: Place = { kind: 'here' };
const node = (script: string, ...args: readonly string[]) => [
  process.execPath,
  join(FOLDER, script),
  ...args,
];
const bin = (name: string): string => join('node_modules/.bin', name);

function check(name: string, what: string, ...argv: readonly string[]): Step {
  return { name, group: 'unit', what, jobs: () => [{ name, place: HERE, argv, verdict: 'status' }] };
}

/** This machine where its own KVM is of that kind, else an emulated host. */
const onKernel = (cpu: CpuKind): Place =>
  nestedKvm() === cpu ? HERE : { kind: 'emulated', cpu, nested: true };

function filesOf(project: string): string[] {
  const names = readdirSync(join('test', project)).filter((name) => name.endsWith('.test.ts'));
  return names.sort().map((name) => join('test', project, name));
}

/** Every test file in a host of its own: one that hangs or crashes takes no other along. */
function fileJobs(project: string, files: readonly string[], place: Place): Job[] {
  return (files.length > 0 ? [...files] : filesOf(project)).map((file) => {
    return { name: file, place, argv: node('run-project.js', project, file), verdict: 'counts' };
  });
}

const one = (name: string, place: Place, argv: readonly string[]): Job[] => [
  { name, place, argv, verdict: 'counts' },
];

/** Several commands in one host: an Intel one takes a minute and more to boot. */
const several = (name: string, place: Place, argvs: ReadonlyArray<readonly string[]>): Job[] =>
  one(name, place, node('run-several.js', JSON.stringify(argvs)));

/** The demo of so many live moves. */
const live = (name: string, cpu: CpuKind, guest: string, migrations: number): Job => ({
  name,
  place: onKernel(cpu),
  argv: node('../demo/live.js', '--guest', guest, '--migrations', String(migrations)),
  verdict: 'status',
});

/** The fuzz as CI runs it, with a fixed seed; by hand any. */
const fuzz = (cpu: CpuKind, states: number): readonly string[] =>
  node('fuzz/main.js', '--cpu', cpu, '--states', String(states), '--seed', '1');

export const STEPS: readonly Step[] = [
  check('lint', 'biome: format and lint', bin('biome'), 'check', '--error-on-warnings', '.'),
  check('types', 'tsc: types', bin('tsc'), '--noEmit', '-p', 'tsconfig.json'),
  check('protos', 'buf: STANDARD and COMMENTS', bin('buf'), 'lint'),
  check('generated', 'what is generated is current', ...node('checks/generate.js', '--check')),
  check(
    'floors',
    'imports go down only',
    ...[bin('depcruise'), '--no-progress', 'protos', 'lib', 'services', 'cli', 'demo', 'test'],
  ),
  {
    name: 'unit',
    group: 'unit',
    what: 'unit tests, and the coverage of lib/nested and lib/compat',
    jobs: (files) => one('unit', HERE, node('run-project.js', 'unit', ...files)),
  },
  {
    name: 'conformance-model',
    group: 'model',
    what: 'the conformance suite on the models of both vendors',
    jobs: () =>
      ['amd', 'intel'].flatMap((cpu) =>
        one(`conformance-model-${cpu}`, HERE, node('run-conformance.js', '--driver', 'model', '--cpu', cpu)),
      ),
  },
  {
    name: 'demo-model',
    group: 'model',
    what: 'the demo on the models of both vendors: a VM whose memory is all zeroes moves',
    jobs: () =>
      ['amd', 'intel'].map((cpu) => ({
        name: `demo on the model of the ${cpu} host`,
        place: HERE,
        argv: node('../demo/model.js', cpu),
        verdict: 'status',
      })),
  },
  {
    name: 'intel',
    group: 'intel',
    what: 'the conformance suite, the fuzz, the demo and live migrations on a real kernel with nested VMX',
    jobs: () => [
      ...several('conformance, fuzz, demo and live migration on Intel', onKernel('intel'), [
        node('run-conformance.js'),
        fuzz('intel', 500),
        node('run-demo.js', 'intel'),
        node('run-live.js'),
      ]),
      ...one(
        'migrations that break on Intel',
        onKernel('intel'),
        // All of them take more than an hour there: npm run testbed -- --cpu intel --timeout 9000 -- node dist/test/run-faults.js
        node('run-faults.js', 'switch: commit', 'switch: answer'),
      ),
    ],
  },
  {
    name: 'conformance-amd',
    group: 'amd',
    what: 'the conformance suite on a real kernel with nested SVM',
    jobs: () => one('conformance on AMD', onKernel('amd'), node('run-conformance.js')),
  },
  {
    name: 'fuzz-amd',
    group: 'amd',
    what: 'the differential fuzz on a real kernel with nested SVM',
    jobs: () => [
      { name: 'fuzz on AMD', place: onKernel('amd'), argv: fuzz('amd', 20_000), verdict: 'status' },
    ],
  },
  {
    name: 'kernel',
    group: 'amd',
    what: 'tests on a kernel with nested SVM',
    jobs: (files) => fileJobs('kernel', files, onKernel('amd')),
  },
  {
    name: 'moves',
    group: 'amd',
    what: 'guests that move again and again: Linux with a live L2, the small guest, Linux from one kernel to another',
    jobs: () => [
      live('Linux moves 20 times', 'amd', 'linux', 20),
      live('the small guest moves 100 times', 'amd', 'small', 100),
      {
        name: 'Linux moves between a host with kernel 6.1 and one with 6.12',
        place: HERE,
        argv: node(
          '../demo/main.js',
          ...['--guest', 'linux', '--hosts', '2', '--kernels', '6.1,6.12', '--migrations', '2'],
        ),
        verdict: 'status',
      },
    ],
  },
  {
    name: 'without-nesting',
    group: 'amd',
    what: 'tests on a kernel with nesting switched off',
    jobs: (files) => fileJobs('without-nesting', files, { kind: 'emulated', cpu: 'amd', nested: false }),
  },
];
