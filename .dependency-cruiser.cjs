// The four floors, as rules: imports go down only. `npm test` runs them; the tables are what design.md draws.

/** Folders of lib, lowest first: a folder may import those before it, and nothing after it. */
const LIB_FLOORS = [
  'errors',
  'os',
  'nested',
  'kvm',
  'compat',
  'state',
  'vm',
  'api',
  'transfer',
  'archive',
  'migration',
];

/** What a folder of lib may import of lib beside itself, where that is less than all below it. */
const LIB_ALLOWED = {
  errors: [],
  os: [],
  // Pure: no I/O, no ffi.
  nested: [],
  kvm: ['errors', 'os', 'nested'],
  // Pure as well: tables of CPUID and capabilities, compared.
  compat: ['kvm', 'nested'],
  state: ['errors', 'os', 'kvm', 'nested'],
  vm: ['errors', 'os', 'kvm', 'nested', 'compat', 'state'],
  // Definitions, client and messages: pure conversions, none of the server's parts.
  api: ['errors', 'kvm', 'nested', 'state'],
  // A VM on its way from one vcpud to another: the server's own use of the API.
  transfer: ['errors', 'os', 'kvm', 'nested', 'state', 'vm', 'api'],
  // A client of the API: a VM to a file and back.
  archive: ['api', 'state'],
  // A client of the API; compares states with what knows which bytes are volatile.
  migration: ['api', 'state'],
};

const others = (folder) =>
  LIB_FLOORS.filter((name) => name !== folder && !LIB_ALLOWED[folder].includes(name));

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'protos-import-nothing',
      severity: 'error',
      from: { path: '^protos/' },
      to: { path: '^(lib|services|cli|demo|test)/' },
    },
    {
      name: 'lib-below-services',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^(services|cli|demo|test)/' },
    },
    {
      name: 'services-below-cli',
      severity: 'error',
      from: { path: '^services/' },
      to: { path: '^(cli|demo|test)/' },
    },
    {
      name: 'cli-below-tests',
      comment: 'one command runs the conformance suite, for whoever has the package',
      severity: 'error',
      from: { path: '^cli/', pathNot: '^cli/vcpuctl/conformance\\.ts$' },
      to: { path: '^(demo|test)/' },
    },
    {
      name: 'conformance-command-loads-the-suite-alone',
      severity: 'error',
      from: { path: '^cli/vcpuctl/conformance\\.ts$' },
      to: { path: '^(demo|test)/', pathNot: '^test/conformance/' },
    },
    {
      name: 'conformance-speaks-grpc',
      comment: 'the suite knows nothing of the server: definitions and client, bytes of states, guests',
      severity: 'error',
      from: { path: '^test/conformance/' },
      to: {
        path: '^(lib|services|cli|demo|test)/',
        pathNot:
          '^(lib/api/|lib/nested/(codec|layout|reset|rule)\\.ts$|lib/kvm/vcpu-facts\\.ts$|test/(conformance|vectors|guests)/)',
      },
    },
    {
      name: 'vcpuctl-is-a-client',
      severity: 'error',
      from: { path: '^cli/vcpuctl' },
      to: { path: '^(lib/(vm|os|transfer)|services)/' },
    },
    ...LIB_FLOORS.map((folder) => ({
      name: `lib-${folder}-imports-below`,
      severity: 'error',
      from: { path: `^lib/${folder}/` },
      to: { path: `^lib/(${others(folder).join('|')})/` },
    })),
    {
      name: 'ffi-in-one-module',
      comment: 'ffi-rs aborts the process on a wrong type: lib/os/libc.ts alone speaks to it',
      severity: 'error',
      from: { path: '^(lib|services|cli|demo|test)/', pathNot: '^lib/os/libc\\.ts$' },
      to: { path: 'node_modules/ffi-rs' },
    },
    {
      name: 'grpc-above-the-kernel',
      comment: 'lib speaks KVM; gRPC is known to lib/api, lib/transfer, lib/archive and lib/migration alone',
      severity: 'error',
      from: { path: '^lib/(errors|os|kvm|nested|compat|state|vm)/' },
      to: { path: 'node_modules/@grpc' },
    },
    {
      name: 'nested-and-compat-are-pure',
      comment: 'they do no I/O; Buffer is the one thing of Node that they use',
      severity: 'error',
      from: { path: '^lib/(nested|compat)/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?buffer$' },
    },
    {
      name: 'compat-asks-no-kernel',
      comment: 'of lib/kvm it knows numbers and how to read a CPUID table',
      severity: 'error',
      from: { path: '^lib/compat/' },
      to: { path: '^lib/kvm/', pathNot: '^lib/kvm/(abi|cpuid)\\.ts$' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
