import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TopologyData } from '../../../src/cli/operator-data.js';
import * as p from '../support.js';
import { assertDown, withStage } from './scale-stage.js';
import { mediaTask } from './small-marathon.js';

test('down: the node with the fewest calls is drained, then exactly it is killed', () =>
  withStage([30, 12, 25], async (stage) => {
    const { code, out } = await stage.carna('scale media 2 --yes');
    assert.equal(code, 0, out);
    assert.match(out, /^media 3 → 2: 1 node goes\.\n.*up {2}\S+02\._app\.1 {2}on h2 {2}12 calls/m);
    assert.match(out, /02\._app\.1 is drained: no call is left on it/);
    assert.match(out, /media has 2 instances: 1 node drained and gone\.\n$/);
    assertDown(stage, [mediaTask(2)], 2);
    assert.deepEqual(stage.marathon.changes, [`kill ${mediaTask(2)}`]);
  }));

test('down by several: one call for all', () =>
  withStage([1, 9, 2, 9], async (stage) => {
    const { code, out } = await stage.carna('scale media 2 --yes');
    assert.equal(code, 0, out);
    assertDown(stage, [mediaTask(1), mediaTask(3)], 2);
    assert.deepEqual(stage.marathon.changes, [`kill ${mediaTask(1)} ${mediaTask(3)}`]);
  }));

test('--dry-run shows who goes and changes nothing', () =>
  withStage([3, 1, 2], async (stage) => {
    const { code, out } = await stage.carna('scale media 1 --dry-run');
    assert.equal(code, 0);
    assert.match(out, /02\._app\.1 .*1 call\n.*03\._app\.1 .*2 calls/);
    assert.match(out, /Nothing was changed \(--dry-run\)\.\n$/);
    assert.equal(stage.platform.intents.size, 0);
    assert.deepEqual(stage.marathon.changes, []);
  }));

test('on a terminal it asks, naming the calls; no changes nothing', () =>
  withStage([3, 1, 2], async (stage) => {
    const terminal = { columns: 200, input: 'n\n' };
    const { code, out, err } = await stage.carna('scale media 1', undefined, { terminal });
    assert.equal(code, 1);
    assert.match(out, /Drain and kill these 2, after the 3 calls on them\? \[y\/N\]/);
    assert.equal(err, 'nothing was changed\n');
    assert.equal(stage.platform.intents.size, 0);
  }));

test('floor and headroom are asked for all victims together', () =>
  withStage([1, 1, 1], async (stage) => {
    // Each alone leaves two nodes.
    const { code, err } = await stage.carna('scale media 1 --yes --floor 2');
    assert.equal(code, 4);
    assert.match(err, /set 30 would keep 1 media node for new calls, at least 2 are asked for/);
    assert.equal(stage.platform.intents.size, 0);
    const forced = await stage.carna('scale media 1 --yes --floor 2 --force');
    assert.equal(forced.code, 0, forced.out);
    assertDown(stage, [mediaTask(1), mediaTask(2)], 1);
  }));

test('a silent node whose row is gone goes first', () =>
  withStage([5, 4, 40], async (stage) => {
    const node = stage.platform.nodes.get(mediaTask(3));
    if (node === undefined) throw new Error('no node');
    // Its host is dead, but Marathon does not know.
    Object.assign(node, {
      hasZnode: false,
      hasRow: false,
      calls: 0,
      age: Number.NEGATIVE_INFINITY,
    });
    const { code, out } = await stage.carna('scale media 2 --yes --headroom 0');
    assert.equal(code, 0, out);
    assert.match(out, /\? silent {2}\S+03/);
    assertDown(stage, [mediaTask(3)], 2);
  }));

test('nodes of the role that are not of the app are never victims', () =>
  withStage([50, 60], async (stage) => {
    const { platform } = stage;
    const stranger = p.node('media', 'by-hand', '10.0.3.9', { marathon: null });
    const real = platform.data();
    const readTopology = async (): Promise<TopologyData> => {
      const data = await real.readTopology();
      const nodes = new Map(data.nodes).set('by-hand', { record: stranger, czxid: 99n });
      return { ...data, nodes };
    };
    const { code, out } = await stage.carna('scale media 1 --yes', undefined, {
      data: { readTopology },
    });
    assert.equal(code, 0, out);
    assert.match(
      out,
      /by-hand of this role is not of \/carna\/dc1\/media: not counted, not touched/,
    );
    assertDown(stage, [mediaTask(1)], 1);
    const named = await stage.carna('scale-in by-hand --yes', undefined, {
      data: { readTopology },
    });
    assert.equal(named.code, 1);
    assert.match(named.err, /by-hand is not a task of Marathon/);
  }));

test('scale-in takes exactly the named nodes', () =>
  withStage([0, 12, 25, 30], async (stage) => {
    const { code, out } = await stage.carna(`scale-in ${mediaTask(3)} ${mediaTask(4)} --yes`);
    assert.equal(code, 0, out);
    assertDown(stage, [mediaTask(3), mediaTask(4)], 2);
    const again = await stage.carna(`scale-in ${mediaTask(3)} --yes`);
    assert.equal(again.code, 1);
    assert.match(again.err, /no node is called/);
  }));

test('scale-in takes a node by its uuid, named twice or not', () =>
  withStage([0, 12, 25, 30], async (stage) => {
    const uuid = '00000000-0000-0000-0000-000000000003';
    const { code, out } = await stage.carna(`scale-in ${uuid} ${mediaTask(3)} --yes`);
    assert.equal(code, 0, out);
    assertDown(stage, [mediaTask(3)], 3);
  }));

test('down while instances wait: refused with the reason, never a plain smaller number', () =>
  withStage([1, 1, 1], async (stage) => {
    stage.marathon.unplaced = 2;
    await stage.carna('scale media 6 --timeout 10s');
    const { code, out } = await stage.carna('scale media 5 --yes --timeout 10s');
    assert.equal(code, 1);
    assert.match(out, /of 6 instances 4 run and 2 wait for offers, held by deployment d-1/);
    assert.match(out, /--cancel-waiting/);
    assert.deepEqual(stage.marathon.changes, ['put 6']);
    const cancelled = await stage.carna('scale media 5 --yes --cancel-waiting');
    assert.equal(cancelled.code, 0, cancelled.out);
    assert.deepEqual(stage.marathon.changes.slice(1, 2), ['cancel d-1 forced']);
    assert.deepEqual(stage.platform.undrainedKills, []);
    assert.equal(stage.marathon.instances, 5);
    assert.equal(stage.platform.killed.length, 1);
  }));

test('--json: one object a step', () =>
  withStage([5, 0, 5], async (stage) => {
    const { code, out } = await stage.carna('scale media 2 --yes --json --by ann');
    assert.equal(code, 0, out);
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { step: string; nodeId: string | null; schema: number });
    assert.ok(lines.every((line) => line.schema === 1));
    assert.deepEqual(lines[0]?.step, 'plan');
    const steps = lines.map((line) => line.step);
    for (const step of ['draining', 'drained', 'killed', 'gone', 'done']) {
      assert.ok(steps.includes(step), `${step} in ${steps.join(' ')}`);
    }
  }));
