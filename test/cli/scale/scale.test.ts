import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatorData, TopologyData } from '../../../src/cli/operator-data.js';
import { StoreUnavailableError } from '../../../src/util/errors.js';
import { withFake } from '../../marathon/client/fake-marathon.js';
import * as p from '../support.js';
import { Platform } from './platform.js';
import { MEDIA, mediaTask, SmallMarathon } from './small-marathon.js';

interface Stage {
  readonly platform: Platform;
  readonly marathon: SmallMarathon;
  /** Runs a command line; `onTick` is called after each step of time. */
  readonly carna: (
    line: string,
    onTick?: (count: number, interrupt: () => void) => void,
    more?: { readonly data?: Partial<OperatorData>; readonly terminal?: p.Terminal },
  ) => Promise<p.Outcome>;
}

/** A platform of so many media nodes with these calls, and a Marathon that runs them. */
async function withStage(
  calls: readonly number[],
  use: (stage: Stage) => Promise<void>,
): Promise<void> {
  const platform = new Platform();
  const marathon = new SmallMarathon(platform, calls.length);
  calls.forEach((count, i) => {
    const node = platform.nodes.get(mediaTask(i + 1));
    if (node !== undefined) node.calls = count;
  });
  await withFake(marathon.handle, async ({ url }) => {
    const env = { CARNA_MARATHON: url, CARNA_CLUSTER: 'carna', CARNA_MARATHON_TIMEOUT_MS: '30000' };
    await use({
      platform,
      marathon,
      carna: (line, onTick, more = {}) =>
        p.carna(line, platform.data(more.data), {
          ...more.terminal,
          env: { ...env, ...more.terminal?.env },
          onWait: (count, interrupt) => {
            marathon.tick();
            onTick?.(count, interrupt);
          },
        }),
    });
  });
}

/** The world after a way down that went well. */
function assertDown(stage: Stage, killed: readonly string[], instances: number): void {
  const { platform, marathon } = stage;
  assert.deepEqual([...platform.killed].sort(), [...killed].sort());
  assert.deepEqual(platform.undrainedKills, []);
  assert.equal(marathon.instances, instances);
  assert.deepEqual([...platform.intents.keys()], []);
}

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

test('a lock met at the kill is waited for, whoever holds it', () =>
  withStage([5, 0, 5], async (stage) => {
    let locked = false;
    const { code, out } = await stage.carna('scale media 2 --yes', () => {
      if (!locked && stage.platform.intents.size > 0) {
        locked = true;
        stage.marathon.lock(40);
      }
    });
    assert.equal(code, 0, out);
    assert.match(out, /waiting for deployment other-1, which is under way/);
    assertDown(stage, [mediaTask(2)], 2);
  }));

test('a lock that does not end: nothing is killed, the drain is taken back', () =>
  withStage([5, 0, 5], async (stage) => {
    const { code, out } = await stage.carna('scale media 2 --yes --timeout 1m', () => {
      if (stage.platform.intents.size > 0 && stage.marathon.deployments.length === 0) {
        stage.marathon.lock(Number.POSITIVE_INFINITY);
      }
    });
    assert.equal(code, 1);
    assert.match(out, /still deployment other-1 is under way: nothing was killed/);
    assert.match(out, /takes calls again/);
    assert.deepEqual([stage.platform.killed, stage.platform.intents.size], [[], 0]);
  }));

test('a task that was relaunched under the same uuid is not killed', () =>
  withStage([5, 0, 5], async (stage) => {
    let done = false;
    const { code, out } = await stage.carna('scale media 2 --yes', () => {
      if (done || stage.platform.intents.size === 0) return;
      done = true;
      stage.platform.nodes.delete(mediaTask(2));
      stage.platform.launch(mediaTask(2, 2), MEDIA, 40);
    });
    assert.equal(code, 1);
    assert.match(
      out,
      /02\._app\.1 was relaunched meanwhile as \S+02\._app\.2, which was not drained/,
    );
    assert.deepEqual(stage.marathon.changes, []);
    assert.deepEqual(stage.platform.killed, []);
    assert.equal(stage.platform.intents.size, 0);
  }));

test('a 200 that did nothing is noticed', () =>
  withStage([5, 0, 5], async (stage) => {
    stage.marathon.kill = () => null;
    const { code, out } = await stage.carna('scale media 2 --yes');
    assert.equal(code, 1);
    assert.match(out, /Marathon answered 200 and did nothing/);
    assert.equal(stage.platform.intents.size, 0);
  }));

test('Ctrl-C leaves it draining and says so; the next run goes on with the same node', () =>
  withStage([30, 12, 25], async (stage) => {
    const left = await stage.carna('scale media 2 --yes', (_count, interrupt) => {
      if (stage.platform.intents.size > 0) interrupt();
    });
    assert.equal(left.code, 1);
    assert.match(
      left.out,
      /nothing was killed\. Still draining: \S+02\._app\.1\.\nGo on: carna scale media 2\. Undo: carna undrain \S+02/,
    );
    assert.equal(left.listeners, 0);
    const other = stage.platform.nodes.get(mediaTask(3));
    if (other !== undefined) other.calls = 0;
    const again = await stage.carna('scale media 2 --yes');
    assert.equal(again.code, 0, again.out);
    assertDown(stage, [mediaTask(2)], 2);
  }));

test('left after the kill: the next run sees it to its end and forgets the drain', () =>
  withStage([30, 12, 25], async (stage) => {
    stage.marathon.lasting = 5;
    const left = await stage.carna('scale media 2 --yes', (_count, interrupt) => {
      if (stage.marathon.changes.length > 0) interrupt();
    });
    assert.equal(left.code, 1);
    assert.match(left.out, /Marathon goes on killing the drained nodes/);
    const again = await stage.carna('scale media 2 --yes');
    assert.equal(again.code, 0, again.out);
    assertDown(stage, [mediaTask(2)], 2);
  }));

test('a lost answer to the kill is looked for, never sent again', () =>
  withStage([5, 0, 5], async (stage) => {
    stage.marathon.intercept = (seen, response) => {
      if (seen.method !== 'POST') return false;
      const { ids } = JSON.parse(seen.body) as { ids: string[] };
      stage.marathon.changes.push('kill');
      stage.marathon.kill(ids);
      response.destroy();
      return true;
    };
    const { code, out } = await stage.carna('scale media 2 --yes');
    assert.equal(code, 0, out);
    assertDown(stage, [mediaTask(2)], 2);
    assert.deepEqual(stage.marathon.changes, ['kill']);
  }));

test('a kill that was lost altogether: not sent again, and its node stays draining', () =>
  withStage([5, 0, 5], async (stage) => {
    let posts = 0;
    stage.marathon.intercept = (seen, response) => {
      if (seen.method !== 'POST') return false;
      posts++;
      response.destroy();
      return true;
    };
    const { code, out } = await stage.carna('scale media 2 --yes');
    assert.equal(code, 3);
    assert.match(out, /It is not sent again\.\nStill draining, in case it comes late: \S+02/);
    assert.deepEqual([posts, [...stage.platform.intents.keys()]], [1, [mediaTask(2)]]);
    assert.deepEqual(stage.platform.killed, []);
  }));

test('somebody raises the number meanwhile: nothing is killed, told why', () =>
  withStage([5, 20, 5], async (stage) => {
    let done = false;
    const { code, out } = await stage.carna('scale media 2 --yes', () => {
      if (done || stage.platform.intents.size === 0) return;
      done = true;
      stage.marathon.scaleTo(4);
    });
    assert.equal(code, 1);
    assert.match(
      out,
      /has 4 instances now, it had 3: somebody else changed it meanwhile: nothing was killed/,
    );
    assert.deepEqual([stage.platform.killed, stage.platform.intents.size], [[], 0]);
    assert.equal(stage.marathon.instances, 4);
  }));

test('somebody else kills the chosen node meanwhile: done, and killed once', () =>
  withStage([5, 0, 5], async (stage) => {
    let done = false;
    const { code, out } = await stage.carna('scale media 2 --yes', () => {
      const node = stage.platform.nodes.get(mediaTask(2));
      if (done || node?.state !== 'draining') return;
      done = true;
      stage.marathon.kill([mediaTask(2)]);
    });
    assert.equal(code, 0, out);
    assertDown(stage, [mediaTask(2)], 2);
    assert.deepEqual(stage.marathon.changes, []);
  }));

test('a drain that somebody takes back ends it', () =>
  withStage([5, 50, 60], async (stage) => {
    let ticks = 0;
    const { code, out } = await stage.carna('scale media 1 --yes', () => {
      if (stage.platform.intents.size === 2 && ++ticks === 5) {
        stage.platform.intents.delete(mediaTask(2));
      }
    });
    assert.equal(code, 1);
    assert.match(out, /the drain of \S+02\._app\.1 was taken back by somebody: nothing was killed/);
    assert.deepEqual([stage.platform.killed, stage.platform.intents.size], [[], 0]);
  }));

test('calls that outlive the deadline are told, with exit code 1', () =>
  withStage([500, 500], async (stage) => {
    const { code, out } = await stage.carna(
      'scale media 1 --yes --force --deadline 30s',
      (count) => {
        if (count === 3) stage.platform.isPastDeadline = true;
      },
    );
    assert.equal(code, 1);
    assert.match(out, /may go on for 30 s; what is left then is LOST/);
    assert.match(out, /490 calls outlived the deadline and went with them/);
    assert.equal(stage.marathon.instances, 1);
  }));

test('a row that stays is an error that names it', () =>
  withStage([5, 0, 5], async (stage) => {
    stage.platform.rowLingers = Number.POSITIVE_INFINITY;
    const { code, out } = await stage.carna('scale media 2 --yes --timeout 1m');
    assert.equal(code, 1);
    assert.match(
      out,
      /Killed, but 60 s later there is still:\n.*02\._app\.1: its row stands in set 30/,
    );
    assert.deepEqual([...stage.platform.intents.keys()], [mediaTask(2)]);
  }));

test('a draining node whose znode vanishes is not taken for drained while its row stands', () =>
  withStage([500, 500, 40], async (stage) => {
    let ticks = 0;
    const { code, out } = await stage.carna('scale media 2 --yes', () => {
      const node = stage.platform.nodes.get(mediaTask(3));
      if (node?.state === 'draining' && ++ticks === 2) {
        Object.assign(node, { hasZnode: false, age: Number.NEGATIVE_INFINITY });
      }
    });
    assert.equal(code, 1);
    assert.match(
      out,
      /it has no znode for 60 s, nobody can tell when it is empty: nothing was killed/,
    );
    assert.deepEqual([stage.platform.killed, stage.platform.intents.size], [[], 0]);
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

test('Marathon refuses the kill: told, the drain is taken back', () =>
  withStage([5, 0, 5], async (stage) => {
    stage.marathon.intercept = (seen, response) => {
      if (seen.method !== 'POST') return false;
      response.writeHead(403, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ message: 'Not Authorized to perform this action!' }));
      return true;
    };
    const { code, out } = await stage.carna('scale media 2 --yes');
    assert.equal(code, 1);
    assert.match(out, /Marathon answered 403: Not Authorized.*: nothing was killed/);
    assert.equal(stage.platform.intents.size, 0);
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

test('up: every new node is followed until all Kamailios list it', () =>
  withStage([1, 1, 1], async (stage) => {
    const { code, out } = await stage.carna('scale media 5');
    assert.equal(code, 0, out);
    assert.match(out, /media 3 → 5: Marathon starts 2 nodes/);
    for (const n of [4, 5]) {
      const node = mediaTask(n).replaceAll('.', '\\.');
      assert.match(out, new RegExp(`${node}: TASK_RUNNING on h`));
      assert.match(out, new RegExp(`${node} on h\\d is starting`));
      assert.match(out, new RegExp(`${node} takes calls: on the list of 2/2 dispatchers`));
    }
    assert.match(
      out,
      /media has 5 instances; 5 of them up and listed wherever they have to be\.\n$/,
    );
    assert.deepEqual(stage.marathon.changes, ['put 5']);
  }));

for (const hasTable of [true, false]) {
  test(`up ${hasTable ? 'with' : 'without'} the table: nodes that are old news hold nothing up`, () =>
    withStage([1, 1], async (stage) => {
      stage.platform.forgotten.add(mediaTask(1));
      const readTable = async () => {
        throw new StoreUnavailableError('no database');
      };
      const more = hasTable ? {} : { data: { readTable } };
      const { code, out } = await stage.carna('scale media 3', undefined, more);
      assert.equal(code, 0, out);
      assert.match(out, /03\._app\.1 takes calls: on the list of 2\/2 dispatchers/);
    }));
}

test('up while Marathon goes away: exit code 3, and how to go on', () =>
  withStage([1, 1], async (stage) => {
    const { code, out } = await stage.carna('scale media 3 --timeout 5s', () => {
      stage.marathon.intercept = (_seen, response) => {
        response.destroy();
        return true;
      };
    });
    assert.equal(code, 3);
    assert.match(out, /Marathon or ZooKeeper does not answer\n.*Go on: carna scale media 3/s);
  }));

test('up: when nothing fits it says why, in words, and what goes on', () =>
  withStage([1, 1, 1], async (stage) => {
    stage.marathon.unplaced = 2;
    const { code, out } = await stage.carna('scale media 6 --timeout 1m');
    assert.equal(code, 1);
    assert.match(
      out,
      /2 instances wait for an offer that fits: 3 of the last 4 offers: a constraint of the app is not met/,
    );
    assert.match(out, /media: not there after 60 s:/);
    assert.match(out, /Marathon goes on with deployment d-1/);
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

test('up: a lost answer is looked for, the number is not sent again', () =>
  withStage([1, 1], async (stage) => {
    const loses = (isDone: boolean) => {
      stage.marathon.intercept = (seen, response) => {
        if (seen.method !== 'PUT') return false;
        if (isDone) stage.marathon.scaleTo(3);
        else stage.marathon.changes.push('lost');
        response.destroy();
        return true;
      };
    };
    loses(false);
    const lost = await stage.carna('scale media 3');
    assert.equal(lost.code, 3);
    assert.match(lost.err, /PUT \/v2\/apps/);
    assert.deepEqual(stage.marathon.changes, ['lost']);
    loses(true);
    const { code, out } = await stage.carna('scale media 3');
    assert.equal(code, 0, out);
    assert.deepEqual(stage.marathon.changes, ['lost', 'put 3']);
  }));

test('what somebody else asked of a node meanwhile is not taken back', () =>
  withStage([5, 50, 60], async (stage) => {
    const { intents } = stage.platform;
    let isChanged = false;
    const { code, out } = await stage.carna('scale media 2 --yes', () => {
      const present = intents.get(mediaTask(1));
      if (isChanged || present === undefined) return;
      isChanged = true;
      intents.set(mediaTask(1), { ...present, by: 'ann', why: 'disk' });
      stage.marathon.scaleTo(4);
    });
    assert.equal(code, 1);
    assert.match(out, /Still draining, as somebody else asked meanwhile: \S+01/);
    assert.equal(intents.get(mediaTask(1))?.by, 'ann');
  }));

test('up waits for the lock of somebody else, then asks', () =>
  withStage([1, 1, 1], async (stage) => {
    stage.marathon.lock(10);
    const { code, out } = await stage.carna('scale media 4');
    assert.equal(code, 0, out);
    assert.match(out, /waiting for deployment other-1, which is under way/);
    assert.deepEqual(stage.marathon.changes, ['put 4']);
  }));

for (const [name, answer] of [
  ['HTML', '<html>login</html>'],
  ['an empty body', ''],
  ['half a JSON', '{"app":{"id":'],
] as const) {
  test(`Marathon answers ${name}: a named error, nothing changed`, () =>
    withStage([5, 0, 5], async (stage) => {
      stage.marathon.intercept = (_seen, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
        return true;
      };
      for (const line of ['scale media 2 --yes', 'scale media 4']) {
        const { code, err } = await stage.carna(line);
        assert.equal(code, 3);
        assert.match(err, /GET \/v2\/apps/);
      }
      assert.equal(stage.platform.intents.size, 0);
    }));

  test(`Marathon answers ${name} from the drain on: the drain is taken back`, () =>
    withStage([5, 0, 5], async (stage) => {
      const { code, out } = await stage.carna('scale media 2 --yes --timeout 4s', () => {
        if (stage.platform.intents.size === 0) return;
        stage.marathon.intercept = (_seen, response) => {
          response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
          return true;
        };
      });
      assert.equal(code, 3);
      assert.match(out, /nothing was killed\.\nWho was drained for this alone takes calls again/);
      assert.deepEqual([stage.platform.killed, stage.platform.intents.size], [[], 0]);
    }));
}

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
