// Catches the guests of test/guests in their scenes on the KVM at hand, and writes what vCPU 0 then holds to standard
// output as JSON:
//
//   npm run --silent testbed -- --cpu amd -- node dist/test/vectors/capture-states.js > test/vectors/svm-captured.json

import '../../lib/os/libc.js';
import { NATIVE_DRIVER } from '../../lib/kvm/native/native-driver.js';
import { FLAG } from '../../lib/nested/layout.js';
import type { VcpuSnapshot } from '../../lib/state/vcpu-components.js';
import { probeHost } from '../../lib/vm/host.js';
import { probeRules } from '../../lib/vm/host-rules.js';
import { type Caller, Vm } from '../../lib/vm/vm.js';
import { guestImage, guestKind, guestShape, NORMAL } from '../guests/guest.js';
import { PAGING } from '../guests/layout.js';
import { type NestedShape, SCENES, type SceneName } from '../guests/scenes.js';
import { CAPTURED_PARTS } from './captured.js';
import { toSparse } from './sparse-bytes.js';

const ANYBODY: Caller = { gone: () => false };
const MOST_PAUSES = 1000;
/** Time for the guest to get on between two looks at it, ms. */
const RUN_MS = 50;

const { kvm, profile } = probeHost(NATIVE_DRIVER);
const rules = probeRules(kvm, profile);
const kind = guestKind(profile.vendor);

const isCaught = (nested: Buffer, shape: NestedShape): boolean =>
  nested.length === shape.bytes &&
  nested.readUInt16LE(0) === shape.flags.reduce((flags, name) => flags | FLAG[name], 0);

async function capture(
  scene: SceneName,
  paging: keyof typeof PAGING,
  shape: NestedShape,
): Promise<VcpuSnapshot> {
  const { memoryRegions } = guestShape(1);
  const regions = memoryRegions.map(({ gpa, sizeBytes }) => ({ gpa: BigInt(gpa), bytes: BigInt(sizeBytes) }));
  const config = {
    id: scene.toLowerCase(),
    vcpuCount: 1,
    regions,
    irqchip: false,
    pit: false,
    pc: false,
    linuxBoot: undefined,
  };
  const vm = await Vm.create(kvm, profile, rules, config);
  const gate = SCENES[scene].gate !== undefined;
  for (const { gpa, data } of guestImage(kind, { ...NORMAL, scene, paging, gate })) {
    await vm.memory.write(BigInt(gpa), data);
  }
  try {
    for (let pauses = 0; pauses < MOST_PAUSES; pauses += 1) {
      await vm.run(ANYBODY);
      await new Promise((resolve) => setTimeout(resolve, RUN_MS));
      await vm.pause(ANYBODY);
      const { state } = await vm.captureVcpu(ANYBODY, 0);
      if (pauses > 2 && isCaught(state.nested ?? Buffer.alloc(0), shape)) return state;
    }
    throw new Error(`${scene}, ${paging}: none of ${MOST_PAUSES} pauses found what was wanted`);
  } finally {
    await vm.close();
  }
}

const stored: object[] = [];
for (const scene of Object.keys(SCENES) as SceneName[]) {
  const shape = SCENES[scene][kind];
  // A scene at whose end the vCPU stops by itself has nothing that another one lacks.
  if (shape === undefined || ['halt', 'tripleFault', 'unhandledPort', 'unbackedRead'].includes(scene))
    continue;
  for (const paging of Object.keys(PAGING) as Array<keyof typeof PAGING>) {
    const snapshot = await capture(scene, paging, shape);
    const parts = CAPTURED_PARTS.flatMap((part) => {
      const bytes = snapshot[part];
      return bytes === undefined ? [] : [[part, toSparse(bytes)] as const];
    });
    stored.push({ name: `${scene}, ${paging}`, parts: Object.fromEntries(parts) });
    process.stderr.write(`${scene}, ${paging}\n`);
  }
}
kvm.close();
process.stdout.write(`${JSON.stringify(stored, undefined, 1)}\n`);
