import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import fc from 'fast-check';
import { NodePublication, identityOf } from '../../src/registry/record-publication.js';
import { decodeNodeRecord } from '../../src/topology/node-codec.js';
import type { NodeRecord } from '../../src/topology/node.js';
import { nodeRecord } from './records.js';

/** A publication that notes what it is asked for: `~` for a new incarnation. */
function recorder(): { calls: string[]; bytes: ConstructorParameters<typeof NodePublication>[0] } {
  const calls: string[] = [];
  const bytes = {
    set: (data: Buffer | null): void => {
      const record = data === null ? null : decodeNodeRecord(data);
      calls.push(record === null ? 'none' : `${record.state} ${record.weight}`);
    },
    newIncarnation: (): void => {
      calls.push('~');
    },
    settled: async (): Promise<boolean> => true,
    close: async (): Promise<void> => undefined,
  };
  return { calls, bytes };
}

test('B6 a change of state is written at once, changes of load at most once a second', (t) => {
  t.after(() => mock.timers.reset());
  mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  const { calls, bytes } = recorder();
  const own = new NodePublication(bytes, () => nowMs);
  const tick = (ms: number): void => {
    nowMs += ms;
    mock.timers.tick(ms);
  };
  own.set(nodeRecord({ weight: 1 }));
  own.set(nodeRecord({ weight: 2 }));
  tick(500);
  own.set(nodeRecord({ weight: 3 }));
  assert.deepEqual(calls, ['up 1']);
  tick(500);
  assert.deepEqual(calls, ['up 1', 'up 3']);
  own.set(nodeRecord({ weight: 4 }));
  own.set(nodeRecord({ weight: 4, state: 'draining' }));
  assert.deepEqual(calls, ['up 1', 'up 3', 'draining 4']);
  tick(2_000);
  own.set(nodeRecord({ weight: 5, state: 'draining' }));
  own.set(nodeRecord({ weight: 6, state: 'draining' }));
  own.set(null);
  tick(2_000);
  assert.deepEqual(calls.slice(3), ['draining 5', 'none']);
});

test('B6 a change of identity, and nothing else, makes a new incarnation', () => {
  const endpoint = fc.record({
    transport: fc.constantFrom('udp' as const, 'tcp' as const),
    host: fc.constantFrom('10.0.0.1', '10.0.0.2'),
    port: fc.constantFrom(5060, 5061),
  });
  const change = fc.record({
    instanceId: fc.constantFrom('a', 'b'),
    sip: fc.array(endpoint, { minLength: 1, maxLength: 2 }),
    state: fc.constantFrom('up' as const, 'down' as const),
    weight: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(fc.option(change), { maxLength: 8 }), (changes) => {
      const { calls, bytes } = recorder();
      let nowMs = 0;
      const own = new NodePublication(bytes, () => (nowMs += 10_000));
      let identity: string | null = null;
      let wanted = 0;
      for (const one of changes) {
        const record: NodeRecord | null = one === null ? null : nodeRecord(one);
        if (record !== null && identity !== null && identityOf(record) !== identity) wanted += 1;
        if (record !== null) identity = identityOf(record);
        own.set(record);
      }
      assert.equal(calls.filter((call) => call === '~').length, wanted);
    }),
  );
});

test('a record that must not be published is refused at once, not later', () => {
  const { calls, bytes } = recorder();
  const own = new NodePublication(bytes, () => 0);
  own.set(nodeRecord());
  assert.throws(() => own.set(nodeRecord({ weight: 1_000 })), { code: 'CARNA_INVALID_INPUT' });
  assert.deepEqual(calls, ['up 50']);
});

test('B6 a restarted SIP server is written at once into the same znode', () => {
  const { calls, bytes } = recorder();
  const own = new NodePublication(bytes, () => 0);
  own.set(nodeRecord({ instanceId: 'first' }));
  own.set(nodeRecord({ instanceId: 'second' }));
  assert.deepEqual(calls, ['up 50', 'up 50']);
});
