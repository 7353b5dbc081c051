import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentHealth } from '../../src/cli/agent-health-codec.js';
import type { OperatorData, TopologyData } from '../../src/cli/operator-data.js';
import { keepingIntents } from './keeping-intents.js';
import * as p from './support.js';

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
  const { data } = keepingIntents(
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
  const { data } = keepingIntents({}, [late]);
  const { code, out } = await p.carna('drain media-1 --wait', data);
  assert.equal(code, 1);
  assert.match(out, /still drains after its deadline\.\nNext: carna drain media-1 --now/);
});

test('Ctrl-C leaves it draining and says how to undo', async () => {
  const { data, intents } = keepingIntents({}, [p.intent('media-1')]);
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
