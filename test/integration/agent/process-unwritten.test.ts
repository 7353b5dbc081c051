import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { afterEach, test } from 'node:test';
import { readServerFile, writeServerFile } from '../../../src/agent/runtime/server-file.js';
import { waitUntil } from '../../../src/util/wait.js';
import {
  adopt,
  adopted,
  DEAD_AGENT,
  endAfterwards,
  endBegun,
  LIMIT_MS,
  pidsOf,
  programOptions,
  STEPS,
} from './takeover-rig.js';

afterEach(endBegun);

/** What an agent leaves that died between starting a server and writing its pid. */
function intend(stateDir: string, instanceId: string): void {
  writeServerFile(stateDir, {
    agent: DEAD_AGENT,
    server: { instanceId, commandHash: 'x', startedAt: 0, process: null },
  });
}

function spawnMarked(command: string, args: readonly string[], instanceId: string): number {
  const env = { ...process.env, CARNA_INSTANCE: instanceId };
  const child = spawn(command, [...args], { detached: true, stdio: 'ignore', env });
  child.unref();
  const pid = child.pid ?? 0;
  endAfterwards(pid);
  return pid;
}

test('a server whose pid was never written down is found by its mark', async () => {
  const options = programOptions('');
  intend(options.stateDir, 'life-unwritten');
  const pid = spawnMarked('sh', ['-c', 'sleep 1000 & wait'], 'life-unwritten');
  await waitUntil('its child', LIMIT_MS, () => pidsOf(pid).length === 2);
  const other = spawnMarked('sleep', ['1000'], 'life-of-another');
  const server = await adopted(options);
  assert.deepEqual([server.pid, server.instanceId], [pid, 'life-unwritten']);
  assert.equal(readServerFile(options.stateDir)?.server?.process?.pid, pid);
  await server.stop(STEPS);
  assert.deepEqual(pidsOf(pid), []);
  assert.equal(pidsOf(other).length, 1, 'another life is left alone');
});

test('what such a server left without its main process is ended', async () => {
  const options = programOptions('');
  intend(options.stateDir, 'life-unwritten');
  const pid = spawnMarked('sh', ['-c', 'sleep 1000 & exit'], 'life-unwritten');
  await waitUntil(
    'its end',
    LIMIT_MS,
    () => pidsOf(pid).length === 1 && !pidsOf(pid).includes(pid),
  );
  assert.equal(await adopt(options), null);
  assert.deepEqual(pidsOf(pid), []);
});

test('an intended server that was never executed is none', async () => {
  const options = programOptions('');
  intend(options.stateDir, 'life-unwritten');
  assert.equal(await adopt(options), null);
  assert.deepEqual(readServerFile(options.stateDir)?.server, null);
});
