import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deriveUndrainProgress } from '../../src/cli/drain-undo.js';
import type { AppliedRecord } from '../../src/topology/node.js';
import { DEFAULT_WIRING } from '../../src/topology/wiring.js';
import { keepingIntents } from './keeping-intents.js';
import * as p from './support.js';

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
  const { data } = keepingIntents(
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

test('undrain --wait does not take a list that a failed reload left without the node for a proof', () => {
  const mine = { ...p.MEDIA1, trace: { ...p.MEDIA1.trace, id: 'trace-back' } };
  const traces = [{ id: 'trace-back', generation: 1843 }];
  const generation = { ...p.GENERATION, generation: 1843, traces };
  const drift = 'sip:10.0.3.1:5060 is missing in set 30; a reload did not help';
  const read = (of: Partial<AppliedRecord>): string => {
    const other = p.applied(p.DISP2, { generation: 1843, ...of });
    const acks = [p.applied(p.DISP1, { generation: 1843 }), other];
    const nodes = [p.LB, p.DISP1, p.DISP2, mine];
    const data = p.topology({ nodes, generation, applied: p.byId(acks) });
    const { step, proven } = deriveUndrainProgress('media-1', data, undefined, DEFAULT_WIRING);
    return `${step} ${proven}`;
  };
  assert.equal(read({ drift }), 'up 1');
  assert.equal(read({ drift, unlisted: ['30 sip:10.0.3.1:5060'] }), 'up 1');
  assert.equal(read({ drift, unlisted: ['30 sip:10.0.3.9:5060'] }), 'listed 2');
});

test('undrain --wait gives up after a minute, and knows a new drain', async () => {
  const down = { ...p.MEDIA1, state: 'down' as const, reason: 'no answer' };
  const nodes = [p.LB, p.DISP1, p.DISP2, down];
  const late = await p.carna(
    'undrain media-1 --wait',
    keepingIntents({ readTopology: async () => p.topology({ nodes }) }, [p.intent('media-1')]).data,
  );
  assert.equal(late.code, 1);
  assert.match(late.out, /Not listed after 60 s\. Next: carna topology\n$/);
  let look = 0;
  const again = p.intent('media-1', { since: p.NOW });
  const { data } = keepingIntents({
    readTopology: async () =>
      p.topology({ intents: p.byId([look++ === 0 ? p.intent('media-1') : again]) }),
  });
  const drained = await p.carna('undrain media-1 --wait', data);
  assert.equal(drained.code, 1);
  assert.match(drained.out, /asked to drain again by somebody/);
});

test('undrain takes a drain back, can be repeated, and knows a wrong name', async () => {
  const { data, intents } = keepingIntents({}, [p.intent('media-1'), p.intent('media-gone')]);
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
