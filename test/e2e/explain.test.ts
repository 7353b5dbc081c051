import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ExplainJson, PlanJson } from '../../src/cli/json-shapes.js';
import { waitUntil } from '../../src/util/wait.js';
import { testDir } from '../support/resources.js';
import { Carna } from './carna.js';
import { listsEqualTable, readTableWithPsql, rowVersions } from './lists.js';

/** What an operator is told of a lab in trouble: each test mends what it broke. */
const runDir = join(testDir('explain'), 'lab');
const carna = new Carna(runDir);
const NET = `127.${60 + (process.pid % 40)}`;
const LIMIT_MS = 60_000;

before(async () => {
  await carna.run('lab', 'up', '--net', NET);
});

after(async () => {
  await carna.run('lab', 'down');
});

interface Told<T> {
  readonly code: number;
  readonly said: T;
}

async function ask<T>(...args: readonly string[]): Promise<Told<T>> {
  const { code, stdout, stderr } = await carna.try([...args, '--json']);
  assert.equal(stderr, '');
  return { code, said: JSON.parse(stdout) as T };
}

/** Waits until the chain of a node is as wanted, and gives it with its exit code. */
async function explained(
  nodeId: string,
  isWanted: (chain: ExplainJson) => boolean,
): Promise<Told<ExplainJson>> {
  let last: Told<ExplainJson> | null = null;
  const look = async (): Promise<boolean> => {
    last = await ask<ExplainJson>('explain', nodeId);
    return isWanted(last.said);
  };
  await waitUntil(`the chain of ${nodeId}`, LIMIT_MS, look, 100).catch((err: unknown) => {
    throw new Error(`${String(err)}\n${JSON.stringify(last)}`);
  });
  return last ?? assert.fail();
}

async function isWhole(nodeId: string, from: number): Promise<void> {
  const { code } = await explained(
    nodeId,
    (chain) => chain.isWhole && chain.reach.sending.length === from,
  );
  assert.equal(code, 0);
}

test('a healthy node: every link holds, calls reach it', async () => {
  await isWhole('media-1', 2);
  const text = await carna.run('explain', 'media-1');
  assert.match(text, /^media-1 gets calls from 2 of 2 dispatchers\.\n/);
  assert.match(text, /✔ process {3}process \d+ runs\n/);
  assert.match(text, /✔ live {6}set 30: dispatcher-1 active \(AP\) · dispatcher-2 active \(AP\)/);
  assert.match(text, /✔ calls {5}calls reach it; 0\/\d+ calls, load normal\n$/);
  const plan = await carna.run('plan');
  assert.match(
    plan,
    /^The table is what it should be \(generation \d+\); nothing would change\.\n/,
  );
});

test('a media server that hangs: its checks', async () => {
  await carna.run('lab', 'freeze', 'media-3');
  const { code, said } = await explained(
    'media-3',
    ({ fault, reach }) => fault === 'checks-fail' && reach.sending.length === 0,
  );
  assert.deepEqual([code, said.broken, said.links.length], [1, 'checks', 2]);
  assert.match(said.links[1]?.text ?? '', /no answer within \d+ ms/);
  assert.match(said.answer, /^media-3 gets no new calls: its .*sip.* checks fail\.$/);
  await carna.run('lab', 'thaw', 'media-3');
  await isWhole('media-3', 2);
});

test('a draining node: who asked, and how to take it back', async () => {
  await carna.run('drain', 'media-1', '--yes', '--why', 'kernel update', '--by', 'ann');
  const { said } = await explained(
    'media-1',
    ({ fault, reach }) => fault === 'draining' && reach.sending.length === 0,
  );
  assert.equal(said.answer, 'media-1 gets no new calls: ann asked for a drain.');
  assert.ok(said.next.includes('take it back: carna undrain media-1'));
  await carna.run('undrain', 'media-1');
  await isWhole('media-1', 2);
});

test('a consuming Kamailio that hangs is named; when all do, nobody sends it calls', async () => {
  await carna.run('lab', 'freeze', 'dispatcher-2');
  await explained('dispatcher-2', ({ fault }) => fault === 'checks-fail');
  const { said } = await explained(
    'media-1',
    (chain) => chain.isWhole && chain.reach.sending.join() === 'dispatcher-1',
  );
  const live = said.links.find(({ link }) => link === 'live');
  assert.deepEqual(live?.details, ['dispatcher-2 is down and sends no calls']);
  await carna.run('lab', 'freeze', 'dispatcher-1');
  const { code, said: none } = await explained('media-1', ({ fault }) => fault === 'no-consumer');
  assert.deepEqual([code, none.broken], [1, 'live']);
  assert.match(none.answer, /^media-1 gets no new calls: no Kamailio consumes set 30\.$/);
  for (const name of ['dispatcher-1', 'dispatcher-2']) await carna.run('lab', 'thaw', name);
  await isWhole('media-1', 2);
});

test('an agent that was killed: its server goes on, unsupervised', async () => {
  await carna.run('lab', 'kill', 'media-2', '--agent');
  const { code, said } = await explained('media-2', ({ fault }) => fault === 'unsupervised');
  assert.deepEqual([code, said.broken, said.reach.sending.length], [1, 'registry', 2]);
  assert.match(
    said.answer,
    /^media-2 gets calls from 2 of 2 dispatchers, although its agent is gone/,
  );
  assert.equal((await ask<PlanJson>('plan')).code, 0);
  await carna.run('lab', 'start', 'media-2');
  await isWhole('media-2', 2);
});

test('without a reconciler: what is due, why, and that nobody writes it', async () => {
  await listsEqualTable(await carna.status());
  for (const name of ['reconciler-1', 'reconciler-2']) await carna.run('lab', 'kill', name);
  const plan = (): Promise<Told<PlanJson>> => ask<PlanJson>('plan');
  await waitUntil('nobody leads', LIMIT_MS, async () => (await plan()).said.leader === null, 100);
  const versions = await rowVersions(await carna.status());
  await carna.run('lab', 'freeze', 'media-3');
  await waitUntil('a change is due', LIMIT_MS, async () => (await plan()).said.passing > 0, 100);
  const { code, said } = await plan();
  assert.deepEqual([code, said.passing, said.held, said.waiting], [1, 1, 0, []]);
  const [change] = said.changes;
  assert.deepEqual(
    [change?.nodeId, change?.why, change?.before?.flags, change?.after?.flags],
    [...['media-3', 'down', 8, 4]],
  );
  const { stdout } = await carna.try(['plan']);
  assert.match(stdout, /^1 row would change now\.\nNo reconciler leads: nothing will be written/);
  assert.equal(await rowVersions(await carna.status()), versions);
  await carna.run('lab', 'start', 'reconciler-1');
  const key = `30 sip:${NET}.30.3:5060`;
  await waitUntil('it is written', LIMIT_MS, async () => {
    return (await readTableWithPsql(await carna.status())).get(key) === 4;
  });
  assert.equal((await plan()).code, 0);
  await carna.run('lab', 'thaw', 'media-3');
  await isWhole('media-3', 2);
});

test('another wiring: what it would change, and nothing is written', async () => {
  const status = await carna.status();
  const versions = await rowVersions(status);
  const file = join(testDir('wiring'), 'wiring.json');
  writeFileSync(
    file,
    (await carna.run('plan', '--print-wiring')).replace('"setid":30', '"setid":60'),
  );
  const { code, said } = await ask<PlanJson>('plan', '--wiring', file);
  const of = (kind: string): number => said.changes.filter((one) => one.kind === kind).length;
  assert.deepEqual([of('insert'), of('delete'), said.wiringChanges.length], [3, 3, 2]);
  // Nobody said that set 30 may lose its last row.
  assert.deepEqual([code, said.holds.map(({ rule }) => rule)], [4, ['never-empty']]);
  assert.equal(await rowVersions(status), versions);
});
