// A live migration that breaks, every row of test/faults/table.ts, on a real kernel.

import { afterAll, beforeAll, test } from 'vitest';
import { FaultStage } from '../faults/stage.js';
import { PLAYS } from '../faults/table.js';

let stage: FaultStage;
beforeAll(async () => {
  stage = await FaultStage.open();
});
afterAll(() => stage.close());

test.each(PLAYS)('$title', (play) => stage.play(play));
