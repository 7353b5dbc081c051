import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { readProcess } from '../../../src/agent/runtime/process-group.js';
import { processRuntime } from '../../../src/agent/runtime/process.js';
import { readServerFile, writeServerFile } from '../../../src/agent/runtime/server-file.js';
import { systemTimekeeper } from '../../../src/agent/timekeeper.js';
import { MissingPartError, ServerStartError } from '../../../src/util/errors.js';
import { testDir } from '../../support/resources.js';
import { keepingLog } from './process-agent.js';
import {
  adopt,
  adopted,
  agentOf,
  DEAD_AGENT,
  endBegun,
  programOptions,
  STEPS,
} from './takeover-rig.js';

afterEach(endBegun);

test('a second agent on the same folder is refused as long as the first lives', async () => {
  const options = programOptions('setInterval(() => 0, 1000)');
  const agent = await agentOf(options);
  await assert.rejects(adopt(options), (err) => {
    assert.ok(err instanceof ServerStartError);
    assert.match(err.message, new RegExp(`another agent \\(pid ${agent.pid}\\).*CARNA_STATE_DIR`));
    return true;
  });
  assert.notEqual(readProcess(agent.serverPid), null);
  assert.equal(readServerFile(options.stateDir)?.agent.pid, agent.pid);
  await agent.kill();
  const server = await adopted(options);
  assert.equal(readServerFile(options.stateDir)?.agent.pid, process.pid);
  await server.stop(STEPS);
});

test('a folder is held between two lives of the server as well', async () => {
  const options = programOptions('setInterval(() => 0, 1000)');
  const agent = await agentOf(options);
  const agentFile = readServerFile(options.stateDir)?.agent ?? DEAD_AGENT;
  writeServerFile(options.stateDir, { agent: agentFile, server: null });
  await assert.rejects(adopt(options), ServerStartError);
  await agent.kill();
  assert.equal(await adopt(options), null);
});

test('a state folder that cannot be written is named, by an agent that starts as by one that looks', async () => {
  const dir = testDir('takeover');
  writeFileSync(join(dir, 'file'), '');
  const stateDir = join(dir, 'file', 'state');
  const options = { ...programOptions('setInterval(() => 0, 1000)'), stateDir };
  const runtime = processRuntime(options, keepingLog([]), systemTimekeeper);
  const namesIt = (kind: typeof MissingPartError | typeof ServerStartError) => (err: unknown) => {
    assert.ok(err instanceof kind);
    assert.ok(err.message.includes(stateDir), err.message);
    return true;
  };
  await assert.rejects(runtime.adopt(), namesIt(MissingPartError));
  await assert.rejects(
    runtime.start('life-1', () => undefined),
    namesIt(ServerStartError),
  );
});
