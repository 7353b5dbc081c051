import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentMetrics } from '../../src/agent/metrics.js';
import { NodeStatus } from '../../src/agent/node-status.js';
import { createMetrics } from '../../src/http/metrics.js';
import { decodeNodeRecord, encodeNodeRecord } from '../../src/topology/node-codec.js';
import type { NodeRecord } from '../../src/topology/node.js';
import { record } from '../topology/records.js';
import { FakeTime } from './support/fake-time.js';
import { FakePublication, silentLog } from './support/fakes.js';

function statusOf(publication: FakePublication<NodeRecord>): NodeStatus {
  const metrics = agentMetrics(createMetrics());
  const newId = (): string => 'id-000001';
  const deps = { publication, time: new FakeTime(), newId, metrics, log: silentLog };
  return new NodeStatus(record('m1'), deps);
}

const letters = 'x'.repeat(159);

for (const [what, text, published] of [
  ['is cut before a character that does not fit', `${letters}🚧`, letters],
  ['keeps a character that fits', `${letters.slice(1)}🚧`, `${letters.slice(1)}🚧`],
  ['with half a character is repaired', 'a\ud83db', 'a\ufffdb'],
  ['of a coloured line is one line', '\u001b[31mERR\tno\u0000t\u001b[0m', ' [31mERR no t [0m'],
] as const) {
  test(`a reason that ${what}`, () => {
    const publication = new FakePublication<NodeRecord>(encodeNodeRecord);
    const status = statusOf(publication);
    status.apply('healthy', { cause: text });
    assert.equal(publication.current?.reason, published);
    assert.equal(publication.current?.trace.cause, published);
    status.apply('failed', { cause: 'its checks fail' });
    status.describe(text);
    const found = decodeNodeRecord(encodeNodeRecord(publication.current ?? record('none')));
    assert.equal(found.reason, published);
    const { length } = publication.history;
    status.describe(text);
    assert.equal(publication.history.length, length, 'the same reason is not written twice');
  });
}

test('an operator with a long name is told cut, the change is published all the same', () => {
  const publication = new FakePublication<NodeRecord>(encodeNodeRecord);
  const by = 'a'.repeat(63) + '🚧';
  statusOf(publication).apply('healthy', { cause: 'why', actor: by });
  assert.equal(publication.current?.trace.actor, 'a'.repeat(63));
});
