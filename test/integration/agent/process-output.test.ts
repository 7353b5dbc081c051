import assert from 'node:assert/strict';
import { appendFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_TAIL_LIMITS, FileTail } from '../../../src/agent/runtime/file-tail.js';
import { systemTimekeeper } from '../../../src/agent/timekeeper.js';
import { waitUntil } from '../../../src/util/wait.js';
import { silentLog } from '../../agent/support/fakes.js';
import { testDir } from '../../support/resources.js';

const LIMIT_MS = 20_000;
/** No look without an event within the life of a test. */
const LIMITS = { ...DEFAULT_TAIL_LIMITS, lookMs: 3_600_000, emptyAboveBytes: 1_000 };

test('what is written rings by itself, again and again, also after the file was emptied', async () => {
  const path = join(testDir('output'), 'log');
  writeFileSync(path, '');
  const lines: string[] = [];
  const tail = new FileTail({
    path,
    offsetPath: `${path}.offset`,
    from: 'start',
    emit: (line) => lines.push(line),
    log: silentLog,
    time: systemTimekeeper,
    limits: LIMITS,
  });
  try {
    for (let round = 1; round <= 5; round++) {
      appendFileSync(path, `${'x'.repeat(600)}\n`);
      await waitUntil('the line', LIMIT_MS, () => lines.length === round);
      assert.ok(statSync(path).size <= 1_000);
    }
  } finally {
    await tail.end();
  }
});
