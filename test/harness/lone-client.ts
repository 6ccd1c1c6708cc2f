// A client of its own process, to be killed in the middle of what it does: a program that client-process.ts starts.
// Arguments: the vcpud's target, and the task as JSON. It says "going" when the task is well under way.

import { VcpudClient } from '../../lib/api/client.js';
import type { LoneTask } from './client-process.js';

const [target, json] = process.argv.slice(2);
if (target === undefined || json === undefined) throw new Error('usage: lone-client TARGET TASK');
const task = JSON.parse(json) as LoneTask;
const client = new VcpudClient(target);
const going = () => void process.stdout.write('going\n');
const forEver = () =>
  new Promise<never>((_, reject) => setTimeout(reject, 2 ** 30, new Error('out of time')));

switch (task.kind) {
  case 'set-nested-state': {
    const states = task.states.map((state) => Buffer.from(state, 'base64'));
    let answers = 0;
    const one = async (lane: number) => {
      for (let i = lane; ; i += 1) {
        const data = states[i % states.length] as Buffer;
        await client.nested.SetNestedState({ name: task.name, nestedState: { data } });
        answers += 1;
        if (answers === 20) going();
      }
    };
    await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(one));
    break;
  }
  case 'write-memory':
    await client.writeMemory(
      (async function* chunks() {
        for (let i = 0; ; i += 1) {
          if (i === 20) going();
          yield { name: task.name, gpa: 0, data: Buffer.alloc(1024 * 1024, i) };
        }
      })(),
    );
    break;
  case 'read-memory':
    for await (const _ of client.readMemory({ name: task.name, gpa: 0, sizeBytes: task.sizeBytes })) {
      going();
      await forEver(); // takes no more, and doesn't go away
    }
    break;
  case 'watch-vm':
    for await (const _ of client.watchVm({ name: task.name })) {
      going();
      await forEver();
    }
    break;
}
