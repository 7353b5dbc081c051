import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { ProcessIdentity } from '../../../src/lab/parts/daemon.js';
import { logTail, startDaemon, stopDaemon } from '../../../src/lab/parts/daemon.js';
import { dispatcherView } from '../../../src/store/consumer-views.js';
import { createLogin } from '../../../src/store/group-roles.js';
import { waitUntil } from '../../../src/util/wait.js';
import { freePort, loopbackNet, testDir } from '../../support/resources.js';
import type { TestDatabase } from './database.js';
import { PASSWORD, startDatabase } from './database.js';

const run = promisify(execFile);
let db: TestDatabase;
let kamailio: ProcessIdentity | undefined;

before(async () => {
  db = await startDatabase();
});
after(async () => {
  if (kamailio !== undefined) await stopDaemon(kamailio, 'SIGTERM', 5_000);
  await db.close();
});

function configOf(url: string, ctl: string, listen: string): string {
  return `
debug=1
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:${listen}
loadmodule "db_postgres.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "ctl.so"
loadmodule "dispatcher.so"
modparam("ctl", "binrpc", "unixs:${ctl}")
modparam("dispatcher", "db_url", "${url}")
modparam("dispatcher", "table_name", "${dispatcherView('dispatcher')}")
modparam("dispatcher", "reload_delta", 0)
modparam("dispatcher", "flags", 2)
request_route { sl_send_reply("200", "OK"); }
`;
}

/** The destinations in the order in which Kamailio holds them. */
async function liveOrder(ctl: string): Promise<string[]> {
  const list = await run('kamcmd', ['-s', `unixs:${ctl}`, 'dispatcher.list'], { timeout: 5_000 });
  return [...list.stdout.matchAll(/URI: (\S+)/g)].map((match) => match[1] ?? '');
}

test('a live Kamailio loads its view with its own role, in an order that an UPDATE does not change', async () => {
  const dir = testDir('kam');
  const ctl = join(dir, 'ctl.sock');
  const config = join(dir, 'kamailio.cfg');
  const listen = `${loopbackNet()}.1:${await freePort()}`;
  await createLogin(db.store, { user: 'kam', password: 'kam-pw', role: 'carna_dispatcher' });
  for (const n of [3, 1, 4, 2]) {
    await db.store.query({
      text: `INSERT INTO dispatcher (setid, destination, flags) VALUES (30, 'sip:127.9.9.${n}:5060', 0)`,
    });
  }
  await db.store.query({
    text: `INSERT INTO dispatcher (setid, destination) VALUES (60, 'sip:127.9.9.9:5060')`,
  });
  const url = db.url
    .replace('postgresql:', 'postgres:')
    .replace(`postgres:${PASSWORD}`, 'kam:kam-pw');
  writeFileSync(config, configOf(url, ctl, listen), { mode: 0o600 });
  const logFile = join(dir, 'kamailio.log');
  kamailio = await startDaemon({
    name: 'kamailio',
    command: 'kamailio',
    args: ['-DD', '-E', '-f', config, '-Y', dir, '-w', dir],
    env: process.env,
    cwd: dir,
    logFile,
  });
  let before: string[] = [];
  await waitUntil(`Kamailio serves (${logFile})`, 20_000, async () => {
    before = await liveOrder(ctl).catch(() => []);
    return before.length > 0;
  }).catch((err: unknown) => {
    throw new Error(logTail(logFile, 20), { cause: err });
  });
  assert.equal(before.length, 4, 'its own sets and no other');
  await db.store.query({
    text: `UPDATE dispatcher SET flags = 8 WHERE destination = 'sip:127.9.9.1:5060'`,
  });
  await run('kamcmd', ['-s', `unixs:${ctl}`, 'dispatcher.reload'], { timeout: 5_000 });
  assert.deepEqual(await liveOrder(ctl), before);
  const heap = await db.store.query<{ destination: string }>({
    text: 'SELECT destination FROM dispatcher ORDER BY ctid',
  });
  assert.equal(
    heap.at(-1)?.destination,
    'sip:127.9.9.1:5060',
    'the UPDATE moved the row in the heap',
  );
});
