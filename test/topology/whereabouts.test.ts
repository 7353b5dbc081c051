import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Contact } from '../../src/topology/contact.js';
import { parseSipAddress, wayBackOf } from '../../src/topology/contact.js';
import type { PlacedNode } from '../../src/topology/whereabouts.js';
import { contactView, edgeView } from '../../src/topology/whereabouts.js';

const NOW = 1_000_000;

const CONTACT: Contact = {
  user: 'alice',
  domain: 'carna.test',
  contact: 'sip:alice@192.168.1.5:5062',
  received: 'sip:10.0.1.1:5060',
  path: '<sip:10.0.1.1:5060;lr;received=sip:198.51.100.7:40000%3Btransport%3Dtcp>',
  expiresAtMs: NOW + 60_000,
  registeredAtMs: NOW - 1_000,
  q: 1,
  userAgent: null,
  socket: null,
  instance: null,
  callId: 'c',
  cseq: 1,
};

const node = (nodeId: string, destination: string, more: Partial<PlacedNode> = {}): PlacedNode => ({
  nodeId,
  destination,
  role: 'load-balancer',
  state: 'up',
  ...more,
});

const NODES = [
  node('lb-1', 'sip:10.0.1.1:5060'),
  node('lb-2', 'sip:10.0.1.2:5060', { state: 'silent' }),
  node('lb-3', 'sip:10.0.1.3:5060'),
  node('lb-4', 'sip:10.0.1.3:5070'),
  node('disp-1', 'sip:10.0.1.9:5060', { role: 'dispatcher' }),
  node('reg-1', 'sip:10.0.4.1:5060', { role: 'registrar' }),
];

for (const [text, host, port, transport] of [
  ['sip:a@1.2.3.4:5062;ob', '1.2.3.4', 5062, 'udp'],
  ['sip:1.2.3.4;transport=TCP;lr', '1.2.3.4', null, 'tcp'],
  ['sips:a@example.org', 'example.org', null, 'tls'],
  ['<sip:[2001:db8::1]:5060;lr>', '[2001:db8::1]', 5060, 'udp'],
  ['sip:a@x.invalid;transport=ws', 'x.invalid', null, 'udp'],
] as const) {
  test(`the address in ${text}`, () =>
    assert.deepEqual(parseSipAddress(text), { host, port, transport }));
}

for (const bad of ['', 'tel:+44', 'sip:', 'sip:a@', 'hello']) {
  test(`${JSON.stringify(bad)} holds no address`, () => assert.equal(parseSipAddress(bad), null));
}

test("the phone is where its REGISTER came from, by the edge's word before the registrar's and its own", () => {
  const phone = (more: Partial<Contact>): string | undefined =>
    wayBackOf({ ...CONTACT, ...more }).phone?.host;
  assert.deepEqual(wayBackOf(CONTACT), {
    edge: { host: '10.0.1.1', port: 5060, transport: 'udp' },
    phone: { host: '198.51.100.7', port: 40000, transport: 'tcp' },
  });
  assert.equal(phone({ path: '<sip:10.0.1.1;lr>' }), '10.0.1.1');
  assert.equal(phone({ path: null, received: null }), '192.168.1.5');
  assert.equal(phone({ path: '<sip:lb;received=%>', received: null }), '192.168.1.5');
  assert.equal(wayBackOf({ ...CONTACT, path: null }).edge, null);
});

test('of several Path entries the first is the edge that the call goes to', () => {
  const path = '<sip:edge.example;lr;r2=on>, <sip:10.0.1.1:5060;lr>';
  assert.equal(wayBackOf({ ...CONTACT, path }).edge?.host, 'edge.example');
});

test('an edge is the load-balancer of that host and port, or the only one of the host', () => {
  const found = (host: string, port: number | null): string | null =>
    edgeView({ host, port, transport: 'udp' }, NODES).nodeId;
  assert.equal(found('10.0.1.1', 5060), 'lb-1');
  assert.equal(found('10.0.1.1', null), 'lb-1');
  assert.equal(found('10.0.1.1', 5061), 'lb-1');
  assert.equal(found('10.0.1.3', 5070), 'lb-4');
  assert.equal(found('10.0.1.3', 5061), null);
  assert.equal(found('10.0.1.9', 5060), null);
  assert.deepEqual(edgeView({ host: 'x', port: 1, transport: 'udp' }, NODES), {
    address: 'x:1',
    nodeId: null,
    state: null,
  });
});

test('a contact cannot be reached when it expired or its edge does not run', () => {
  const view = (more: Partial<Contact>): ReturnType<typeof contactView> =>
    contactView({ ...CONTACT, ...more }, NODES, NOW);
  assert.equal(view({}).isReachable, true);
  assert.equal(view({ expiresAtMs: null }).isReachable, true);
  assert.deepEqual(
    [view({ expiresAtMs: NOW }).isExpired, view({ expiresAtMs: NOW }).isReachable],
    [true, false],
  );
  const silent = view({ path: '<sip:10.0.1.2:5060;lr>' });
  assert.deepEqual([silent.edge?.state, silent.isReachable], ['silent', false]);
  // Of an edge that we do not know nothing bad is said.
  assert.equal(view({ path: '<sip:192.0.2.1:5060;lr>' }).isReachable, true);
});

test('the registrar is told when the table names its socket', () => {
  const registrar = (socket: string | null): string | null =>
    contactView({ ...CONTACT, socket }, NODES, NOW).registrar;
  assert.equal(registrar('udp:10.0.4.1:5060'), 'reg-1');
  assert.equal(registrar('udp:10.0.4.9:5060'), null);
  assert.equal(registrar(null), null);
});
