import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { BinrpcClient } from '../../../src/protocols/binrpc/client.js';
import { waitUntil } from '../../../src/util/wait.js';
import { useScenes } from './scene.js';

const { scene } = useScenes();

/** More than Kamailio lets a loop have rounds. */
const LAMPS = 6_100;

test('however many lamps are lit, the registrars are told of each', async () => {
  const s = await scene({ registrars: 1 });
  const [registrar] = s.registrars;
  const { logFile } = s.platform.loadBalancer;
  const rpc = new BinrpcClient({ socketPath: join(dirname(logFile), 'ctl'), timeoutMs: 5_000 });
  for (let n = 0; n < LAMPS; n++) {
    await rpc.call('htable.sets', ['lamp', `lamp-${n}`, `confirmed|initiator|u${n}@carna.test|`]);
  }
  rpc.close();
  const told = new Set<string>();
  let seen = 0;
  await waitUntil('all lamps are told of', 40_000, () => {
    for (const { text } of registrar?.received.slice(seen) ?? []) {
      told.add(/<dialog id='([^']+)'/.exec(text)?.[1] ?? '');
      seen++;
    }
    return told.size >= LAMPS;
  });
  assert.doesNotMatch(readFileSync(logFile, 'utf8'), /runaway while/);
});
