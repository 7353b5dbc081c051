import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentHealth } from '../../src/cli/agent-health-codec.js';
import type { OperatorData, TopologyData } from '../../src/cli/operator-data.js';
import type { IntentRecord } from '../../src/topology/node.js';
import { ServerUnavailableError } from '../../src/util/errors.js';
import * as p from './support.js';

/** Data that keeps intents, as a registry would. */
function keeping(more: Partial<OperatorData> = {}, present: readonly IntentRecord[] = []) {
  const intents = p.byId(present);
  const data = p.fakeData({
    readTopology: async () => p.topology({ intents }),
    writeIntent: async (intent) => void intents.set(intent.nodeId, intent),
    removeIntent: async (nodeId) => intents.delete(nodeId),
    readAgentHealth: async () => ({ nodeId: null, state: 'up', calls: 61, drain: null }),
    ...more,
  });
  return { intents, data };
}

test('drain says what it does to calls, asks, and writes the intent', async () => {
  const { data, intents } = keeping();
  const { code, out } = await p.carna('drain media-1 --why update --deadline 30m', data, {
    columns: 100,
    input: 'y\n',
  });
  assert.equal(
    out,
    `media-1 (media) takes no new calls; the other nodes of its role get them.
It waits up to 30 min for the 61 calls on it; what is left then is lost when the server is stopped.
Set 30 keeps 2 media nodes for 183 calls, room for 1,600 with 25 % headroom.
Drain media-1? [y/N] media-1: drain asked. Progress: carna drain media-1 --wait. Undo: carna undrain media-1
`,
  );
  assert.equal(code, 0);
  assert.deepEqual(intents.get('media-1'), {
    ...{ schema: 1, nodeId: 'media-1', want: 'drain', by: 'bob', why: 'update', since: p.NOW },
    ...{ deadline: p.NOW + 30 * 60_000, now: false },
  });
});

for (const input of ['n\n', '\n', '']) {
  test(`drain answered with ${JSON.stringify(input)} changes nothing`, async () => {
    const { data, intents } = keeping();
    const { code, err, listeners } = await p.carna('drain media-1', data, { columns: 80, input });
    assert.deepEqual([code, err, intents.size, listeners], [1, 'nothing was changed\n', 0, 0]);
  });
}

test('where nobody can be asked, --yes is needed', async () => {
  const { data, intents } = keeping();
  const refused = await p.carna('drain media-1', data);
  assert.equal(refused.code, 2);
  assert.match(refused.err, /expected a terminal or --yes, found neither/);
  assert.equal(intents.size, 0);
  const { code } = await p.carna('drain media-1 --yes', data);
  assert.deepEqual([code, intents.size], [0, 1]);
});

test('an unknown node is answered with those that exist, the closest first', async () => {
  const { code, err } = await p.carna('drain medai-2 --yes');
  assert.equal(code, 1);
  assert.match(err, /no node is called medai-2\n {2}there are: media-2, /);
});

/** One media node that is up, with 61 calls on it. */
const LAST = [p.LB, p.DISP1, p.DISP2, p.MEDIA1, { ...p.MEDIA2, state: 'down' as const }];

test('the last node of a role that is up is kept by a guard, but for --force', async () => {
  const { data, intents } = keeping({ readTopology: async () => p.topology({ nodes: LAST }) });
  const refused = await p.carna('drain media-1 --yes', data);
  assert.deepEqual(
    [refused.code, refused.err, refused.out, intents.size],
    [
      4,
      `refused (exit 4): set 30 would keep no media nodes for new calls, at least 1 is asked for.
Nothing was changed. Bring another media node up first, or: carna drain media-1 --force
`,
      '',
      0,
    ],
  );
  const forced = await p.carna('drain media-1 --yes --force', data);
  assert.match(forced.out, /--force although set 30 would keep no media nodes for new calls/);
  assert.deepEqual([forced.code, intents.size], [0, 1]);
});

test('a drain that leaves too little room is refused with numbers', async () => {
  const { data, intents } = keeping({
    readAgentHealth: async () => ({ nodeId: null, state: 'up', calls: 600, drain: null }),
  });
  const refused = await p.carna('drain media-1 --yes', data);
  assert.match(
    refused.err,
    /set 30 would keep 2 media nodes for 1,800 calls, room for 1,600 with the 25 % headroom asked for\./,
  );
  assert.deepEqual([refused.code, intents.size], [4, 0]);
  assert.equal((await p.carna('drain media-1 --yes --headroom 10', data)).code, 0);
});

test('floor and headroom come from the environment, the command line says otherwise', async () => {
  const { data, intents } = keeping();
  const env = { CARNA_DRAIN_FLOOR: '3', CARNA_DRAIN_HEADROOM_PERCENT: '0' };
  const refused = await p.carna('drain media-1 --yes', data, { env });
  assert.match(refused.err, /would keep 2 media nodes for new calls, at least 3 are asked for/);
  assert.deepEqual([refused.code, intents.size], [4, 0]);
  const allowed = await p.carna('drain media-1 --yes --floor 2', data, { env });
  assert.match(allowed.out, /room for 2,000 with 0 % headroom/);
  assert.equal(allowed.code, 0);
});

for (const wrong of ['--floor -1', '--floor x', '--headroom 1001', '--headroom 2.5']) {
  test(`drain ${wrong} is wrong use`, async () => {
    const { code, err } = await p.carna(`drain media-1 --yes ${wrong}`, keeping().data);
    assert.equal(code, 2);
    assert.match(err, /expected a whole number from 0 to/);
  });
}

test('nodes whose calls nobody knows are told before the question', async () => {
  const { data } = keeping({
    readAgentHealth: async (http) => {
      if (http.startsWith('10.0.3.2:')) throw new ServerUnavailableError('no answer');
      return { nodeId: null, state: 'up', calls: 5, drain: null };
    },
  });
  const { out } = await p.carna('drain media-1 --yes', data);
  assert.match(out, /Calls of 1 node are unknown\./);
});

test('a node that drains already is not refused another deadline', async () => {
  const present = p.intent('media-1');
  const { data, intents } = keeping(
    { readTopology: async () => p.topology({ nodes: LAST, intents: p.byId([present]) }) },
    [present],
  );
  assert.equal((await p.carna('drain media-1 --deadline 10m --yes', data)).code, 0);
  assert.equal(intents.get('media-1')?.deadline, p.NOW + 600_000);
});

test('--json carries the numbers of the guard, refused or not', async () => {
  const { data } = keeping({ readTopology: async () => p.topology({ nodes: LAST }) });
  const refused = await p.carna('drain media-1 --yes --json', data);
  const numbers = {
    ...{ role: 'media', setids: [30], remaining: 0, floor: 1, calls: 122, nodesUnread: 0 },
    ...{ room: null, roomWithHeadroom: null, headroomPercent: 25 },
  };
  assert.deepEqual(JSON.parse(refused.out), {
    ...{ schema: 1, nodeId: 'media-1', did: 'refused', intent: null },
    check: { kind: 'refused', isForced: false, ...numbers },
  });
  const forced = await p.carna('drain media-1 --yes --json --force', data);
  const { check } = JSON.parse(forced.out) as { check: unknown };
  assert.deepEqual(check, { kind: 'refused', isForced: true, ...numbers });
});

test('a second drain changes nothing; --now alone keeps who, why and since', async () => {
  const { data, intents } = keeping({}, [p.intent('media-1')]);
  const again = await p.carna('drain media-1', data);
  assert.equal(again.code, 0);
  assert.match(again.out, /drain was asked 60 s ago by ann: kernel update, deadline in 46 min/);
  const before = intents.get('media-1');
  await p.carna('drain media-1 --now --yes', data);
  assert.deepEqual(intents.get('media-1'), { ...before, now: true });
});

test('drain --json prints the intent and does not talk', async () => {
  const { data } = keeping();
  const { out } = await p.carna('drain media-1 --yes --json --by ann', data);
  const line = JSON.parse(out) as { did: string; intent: IntentRecord };
  assert.deepEqual([line.did, line.intent.by], ['asked', 'ann']);
});

test('undrain --wait ends when every dispatcher lists the node', async () => {
  const mine = { ...p.MEDIA1, trace: { ...p.MEDIA1.trace, id: 'trace-back' } };
  const nodes = [p.LB, p.DISP1, p.DISP2, p.MEDIA2];
  const traces = [{ id: 'trace-back', generation: 1843 }];
  const generation = { ...p.GENERATION, generation: 1843, traces };
  let look = 0;
  const stages = [
    () => p.topology({ intents: p.byId([p.intent('media-1')]) }),
    // The first look after the removal may still show what was removed.
    () => p.topology({ intents: p.byId([p.intent('media-1')]) }),
    () => p.topology({ nodes: [...nodes, { ...mine, state: 'down', reason: 'no answer' }] }),
    () => p.topology({ nodes: [...nodes, mine], generation }),
    () => {
      const proven = [p.DISP1, p.DISP2].map((of) => p.applied(of, { generation: 1843 }));
      return p.topology({ nodes: [...nodes, mine], generation, applied: p.byId(proven) });
    },
  ];
  const { data } = keeping(
    { readTopology: async () => (stages[look++] ?? stages.at(-1) ?? p.topology)() },
    [p.intent('media-1')],
  );
  const { code, out } = await p.carna('undrain media-1 --wait', data);
  assert.equal(
    out,
    `media-1: the drain asked 60 s ago by ann (kernel update) is taken back.
media-1: its agent has not taken the drain back yet.
media-1 is not up yet (down: no answer).
media-1 is up, on the list of 0/2 dispatchers.
media-1 takes new calls again after 0.7 s: on the list of 2/2 dispatchers.
`,
  );
  assert.equal(code, 0);
});

test('undrain --wait gives up after a minute, and knows a new drain', async () => {
  const down = { ...p.MEDIA1, state: 'down' as const, reason: 'no answer' };
  const nodes = [p.LB, p.DISP1, p.DISP2, down];
  const late = await p.carna(
    'undrain media-1 --wait',
    keeping({ readTopology: async () => p.topology({ nodes }) }, [p.intent('media-1')]).data,
  );
  assert.equal(late.code, 1);
  assert.match(late.out, /Not listed after 60 s\. Next: carna topology\n$/);
  let look = 0;
  const again = p.intent('media-1', { since: p.NOW });
  const { data } = keeping({
    readTopology: async () =>
      p.topology({ intents: p.byId([look++ === 0 ? p.intent('media-1') : again]) }),
  });
  const drained = await p.carna('undrain media-1 --wait', data);
  assert.equal(drained.code, 1);
  assert.match(drained.out, /asked to drain again by somebody/);
});

test('undrain takes a drain back, can be repeated, and knows a wrong name', async () => {
  const { data, intents } = keeping({}, [p.intent('media-1'), p.intent('media-gone')]);
  const first = await p.carna('undrain media-1', data);
  assert.deepEqual([first.code, intents.size], [0, 1]);
  const second = await p.carna('undrain media-1', data);
  assert.deepEqual(
    [second.code, second.out],
    [0, 'media-1 was not asked to drain: nothing to undo.\n'],
  );
  assert.equal((await p.carna('undrain media-gone', data)).code, 0);
  const wrong = await p.carna('undrain media-gone', data);
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /no node is called media-gone/);
});

/** A drain as registry and agent show it, one step a look. */
function draining(
  lefts: readonly number[],
  end: 'empty' | 'gone' | 'cancelled',
  cut: number | null = null,
): OperatorData {
  let look = -1;
  const record = { ...p.MEDIA1, state: 'draining' as const };
  const generation = {
    ...p.GENERATION,
    generation: 1843,
    traces: [{ id: record.trace.id, generation: 1843 }],
  };
  const proven = (of: typeof p.DISP1) => p.applied(of, { generation: 1843 });
  const isOver = (): boolean => look >= lefts.length + 2;
  return p.fakeData({
    readTopology: async (): Promise<TopologyData> => {
      look++;
      if (look < 1) return p.topology({ intents: p.byId([p.intent('media-1')]) });
      const rest = [p.LB, p.DISP1, p.DISP2, p.MEDIA2];
      const intents = p.byId(isOver() && end === 'cancelled' ? [] : [p.intent('media-1')]);
      if (isOver() && end === 'gone') return p.topology({ nodes: rest, intents });
      const mine = isOver() && end === 'cancelled' ? p.MEDIA1 : record;
      const acks = look === 1 ? [proven(p.DISP1)] : [proven(p.DISP1), proven(p.DISP2)];
      return p.topology({ nodes: [...rest, mine], generation, applied: p.byId(acks), intents });
    },
    readAgentHealth: async (): Promise<AgentHealth> => {
      const left = lefts[Math.min(Math.max(look - 2, 0), lefts.length - 1)] ?? 0;
      const step = isOver() && end === 'empty' ? 'empty' : 'emptying';
      const drain = { step, left, endedPerSecond: 0.05, deadlineAtMs: p.NOW + 46 * 60_000, cut };
      return { nodeId: 'media-1', state: 'draining', calls: left, drain };
    },
  });
}

test('drain --wait in a pipe: a line per step, at the end how long it took and what ended', async () => {
  const { code, out } = await p.carna('drain media-1 --wait', draining([61, 23, 0], 'empty'));
  assert.equal(
    out.split('\n').slice(1).join('\n'),
    `media-1 is draining: off the list on 1/2 dispatchers, refusing by itself as well. 61 calls left.
media-1 takes no new calls: off the list on 2/2 dispatchers after 1 s, refusing by itself as well. 61 calls left.
media-1 is drained after 61 s: 61 calls ended by themselves.
`,
  );
  assert.equal(code, 0);
});

test('a drain whose deadline passed with calls on it says how many, and is no success', async () => {
  const { code, out } = await p.carna('drain media-1 --wait', draining([61, 3], 'empty', 3));
  assert.match(
    out,
    /media-1: the deadline passed after 60 s, 3 calls are left on it; 58 calls ended by themselves\.\nThey go on until the server is stopped/,
  );
  assert.equal(code, 1);
});

test('calls that outlived the deadline and ended later are told apart', async () => {
  const { code, out } = await p.carna('drain media-1 --wait', draining([61, 3, 0], 'empty', 3));
  assert.match(
    out,
    /drained after 61 s: 61 calls ended by themselves, 3 of them after the waiting/,
  );
  assert.equal(code, 0);
});

test('a node that was ended with calls on it: how many were cut', async () => {
  const { code, out } = await p.carna('drain media-1 --wait', draining([5, 2], 'gone', 2));
  assert.match(out, /its drain has ended: 3 calls ended by themselves\. 2 calls were cut\./);
  assert.equal(code, 1);
});

test('a drain that was over before anybody looked claims no time and no calls', async () => {
  const { data } = keeping(
    {
      readAgentHealth: async () => ({
        ...{ nodeId: 'media-1', state: 'draining', calls: 0 },
        drain: { step: 'empty', left: 0, endedPerSecond: 0, deadlineAtMs: p.NOW, cut: null },
      }),
    },
    [p.intent('media-1')],
  );
  const { out } = await p.carna('drain media-1 --wait', data);
  assert.match(out, /media-1 is drained: no call is left on it\.\n$/);
});

test('drain --wait on a terminal: bar, rate, estimate, deadline and how to undo', async () => {
  const { out } = await p.carna('drain media-1 --wait', draining([61, 23, 0], 'empty'), {
    columns: 100,
    env: { NO_COLOR: '1' },
  });
  assert.match(
    out,
    /calls ████████████░{8} {3}23 of 61 left {3}−3\/min {3}about 7 min {3}deadline in 45 min/,
  );
  assert.match(out, /Ctrl-C leaves it draining\. Undo: carna undrain media-1/);
});

test('drain --wait warns when calls would outlive the deadline at the present rate', async () => {
  const data = draining([61, 23, 0], 'empty');
  const soon: OperatorData = {
    ...data,
    readAgentHealth: async (http) => {
      const health = await data.readAgentHealth(http);
      const { drain } = health;
      const deadlineAtMs = p.NOW + 120_000;
      return { ...health, drain: drain === null ? null : { ...drain, deadlineAtMs } };
    },
  };
  const { out } = await p.carna('drain media-1 --wait', soon, {
    columns: 120,
    env: { NO_COLOR: '1' },
  });
  assert.match(out, /23 of 61 left {3}−3\/min {3}about 7 min {3}deadline in .*: too soon for all/);
});

test('drain --wait ends when the node has left, and says no when somebody took it back', async () => {
  const gone = await p.carna('drain media-1 --wait', draining([1], 'gone'));
  assert.equal(gone.code, 0);
  assert.match(gone.out, /media-1 has left the platform after .*, its drain has ended/);
  assert.match(gone.out, /1 call was on it when last seen\./);
  assert.match(gone.out, /carna undrain media-1\n$/);
  const cancelled = await p.carna('drain media-1 --wait', draining([1], 'cancelled'));
  assert.equal(cancelled.code, 1);
  assert.match(cancelled.out, /taken back by somebody/);
});

test('drain --wait reports a drain that goes on after its deadline', async () => {
  const late = p.intent('media-1', { deadline: p.NOW - 31_000 });
  const { data } = keeping({}, [late]);
  const { code, out } = await p.carna('drain media-1 --wait', data);
  assert.equal(code, 1);
  assert.match(out, /still drains after its deadline\.\nNext: carna drain media-1 --now/);
});

test('Ctrl-C leaves it draining and says how to undo', async () => {
  const { data, intents } = keeping({}, [p.intent('media-1')]);
  const { code, out, listeners } = await p.carna('drain media-1 --wait', data, {
    onWait: (_count, interrupt) => interrupt(),
  });
  assert.match(out, /media-1 goes on draining\. Undo: carna undrain media-1\n$/);
  assert.deepEqual([code, intents.size, listeners], [1, 1, 0]);
});

test('drain --wait --json: one line per step', async () => {
  const { out } = await p.carna('drain media-1 --wait --json', draining([5, 0], 'empty'));
  const steps = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { step?: string; callsLeft?: number });
  assert.deepEqual(
    steps.slice(1).map(({ step, callsLeft }) => `${step} ${callsLeft}`),
    ['announced 5', 'unlisted 5', 'unlisted 0', 'drained 0'],
  );
});
