import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BinrpcClient } from '../../../src/protocols/binrpc/client.js';
import type { CarnaError } from '../../../src/util/errors.js';
import { DeadlineError, ServerUnavailableError } from '../../../src/util/errors.js';
import { testDir } from '../../support/resources.js';
import { answerSeven, GENEROUS_MS, withCtl } from './client-rig.js';
import { startFakeCtl } from './fake-ctl.js';

test('a missing socket names its path and cause', async () => {
  const client = new BinrpcClient({ socketPath: '/nowhere/ctl', timeoutMs: GENEROUS_MS });
  let closes = 0;
  client.onClose(() => closes++);
  await assert.rejects(client.call('core.version'), (err) => {
    assert.ok(err instanceof ServerUnavailableError);
    assert.match(err.message, /\/nowhere\/ctl.*ENOENT/);
    assert.ok(err.cause instanceof Error);
    return true;
  });
  assert.equal(closes, 0, 'a connection that never stood is no death');
  client.close();
});

test('the end of an idle connection is told to the listeners, once', async () => {
  await withCtl(answerSeven, async (client, ctl) => {
    const reasons: CarnaError[] = [];
    const removed = client.onClose(() => assert.fail('was taken away'));
    removed();
    await client.call('core.uptime');
    const told = new Promise<void>((resolve) => {
      client.onClose((reason) => {
        reasons.push(reason);
        resolve();
      });
    });
    ctl.sockets[0]?.destroy();
    await told;
    await client.call('core.uptime');
    assert.equal(reasons.length, 1);
    assert.ok(reasons[0] instanceof ServerUnavailableError);
  });
});

test('a late answer is no death: the listeners are not told', async () => {
  await withCtl(
    () => undefined,
    async (client, ctl) => {
      client.onClose(() => assert.fail('we closed it ourselves'));
      await assert.rejects(client.call('mute', [], 30), DeadlineError);
      await new Promise((resolve) => ctl.sockets[0]?.once('close', resolve));
    },
  );
});

const nowhere = (socketPath: string): BinrpcClient =>
  new BinrpcClient({ socketPath, timeoutMs: GENEROUS_MS });

async function checkUnavailable(socketPath: string, expected: RegExp): Promise<void> {
  const client = nowhere(socketPath);
  await assert.rejects(client.call('core.version'), (err) => {
    assert.ok(err instanceof ServerUnavailableError);
    assert.ok(err.message.startsWith(`Kamailio at ${socketPath}: `), err.message);
    assert.match(err.message, expected);
    return true;
  });
  client.close();
}

test('a socket that is not there says what to look at', async () =>
  checkUnavailable(
    join(testDir('ctl'), 'ctl'),
    /no such socket: Kamailio does not run, or CARNA_CTL_SOCKET is not the one in its modparam/,
  ));

test('a socket that was left behind says that nobody listens', async () => {
  const socketPath = join(testDir('ctl'), 'ctl');
  // Only a process that dies without closing leaves its socket file behind.
  const source = `require('net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', source]);
  await checkUnavailable(socketPath, /nobody listens there: .* its next start replaces it/);
});

test(
  'a socket without permission says whose user to be',
  { skip: process.getuid?.() === 0 ? false : 'needs root, to become somebody else' },
  async () => {
    const ctl = await startFakeCtl(answerSeven);
    chmodSync(ctl.socketPath, 0o600);
    const source = `
      import { BinrpcClient } from './dist/src/protocols/binrpc/client.js';
      process.setuid(65534);
      const client = new BinrpcClient({ socketPath: process.argv[1], timeoutMs: 20000 });
      await client.call('core.version').catch((err) => console.log(err.message));
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source, ctl.socketPath]);
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    await once(child, 'close');
    await ctl.close();
    assert.match(
      output,
      /no permission: run the agent as Kamailio's user, or set both user and group of the ctl module/,
    );
  },
);
