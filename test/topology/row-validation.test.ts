import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { planPass } from '../../src/topology/plan-pass.js';
import { faultOfRow, validateRows } from '../../src/topology/row-validation.js';
import { derivation, liveNodes, record, rowOf, UNGUARDED } from './records.js';

const good = [
  'sip:10.0.0.1:5060',
  'sip:host.example.com',
  'sips:user@host:5061;transport=tls',
  'sip:[2001:db8::1]:5060;transport=tcp',
];
for (const destination of good) {
  test(`${destination} is a destination`, () =>
    assert.equal(faultOfRow(rowOf('a', 8, { destination })), null));
}

const bad: readonly [string, Partial<DispatcherRow>, RegExp][] = [
  ['a web address', { destination: 'http://10.0.0.1' }, /no SIP URI/],
  ['nothing', { destination: '' }, /no SIP URI/],
  ['no scheme', { destination: '10.0.0.1:5060' }, /no SIP URI/],
  ['a space', { destination: 'sip:10.0.0.1 :5060' }, /no SIP URI/],
  ['a line end', { destination: 'sip:10.0.0.1:5060\n' }, /no SIP URI/],
  ['port 0', { destination: 'sip:10.0.0.1:0' }, /port/],
  ['port 65536', { destination: 'sip:10.0.0.1:65536' }, /port/],
  ['a destination beyond the column', { destination: `sip:${'h'.repeat(189)}` }, /192/],
  ['attrs beyond the column', { attrs: 'x'.repeat(129) }, /128/],
  ['attrs with a space', { attrs: 'a b' }, /attrs/],
  ['a description beyond the column', { description: 'd'.repeat(65) }, /64/],
  ['flags that are no number', { flags: Number.NaN }, /flags/],
  ['a negative set', { setid: -1 }, /set id/],
];
for (const [name, part, why] of bad) {
  test(`refused by name: ${name}`, () => {
    const row = rowOf('a', 8, part);
    assert.match(validateRows([row]).refused[0]?.why ?? '', why);
  });
}

test('the second of two equal destinations is refused', () => {
  const { valid, refused } = validateRows([rowOf('a'), rowOf('a', 4)]);
  assert.deepEqual([valid.length, refused.length], [1, 1]);
});

const pass = (input: ReturnType<typeof derivation>) =>
  planPass({ ...input, ...UNGUARDED, known: new Set(), passId: 'pass-0001' });
const broken = record('a', { sip: [{ transport: 'udp', host: 'no host', port: 5060 }] });

test('an invalid node is left out and told; the others are written', () => {
  const plan = pass(derivation({ nodes: liveNodes(broken, record('b')) }));
  assert.deepEqual(
    plan.changes.map((c) => c.row.description),
    ['carna:b'],
  );
  assert.match(plan.refused[0]?.why ?? '', /"sip:no host:5060" is no SIP URI/);
});

test('the only node moving to an invalid address does not empty its set', () => {
  const plan = pass(derivation({ nodes: liveNodes(broken), previous: [rowOf('a')] }));
  assert.deepEqual(plan.changes, []);
  assert.equal(plan.held.length, 1);
});
