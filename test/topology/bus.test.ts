import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BusInput, BusNode, ListedMember } from '../../src/topology/bus.js';
import {
  busAddress,
  busNodes,
  donorsOf,
  firstPeers,
  MAX_BUS_STEPS,
  planBus,
  whomToAsk,
} from '../../src/topology/bus.js';
import type { Evidence } from '../../src/topology/desired-rows.js';
import type { NodeState } from '../../src/topology/node.js';
import { NODE_STATES } from '../../src/topology/node.js';
import { record } from './bus-record.js';

const SELF = 'sip:10.0.0.1:5061';
const PEER = 'sip:10.0.0.2:5061';
const STATUSES = ['active', 'disabled', 'timeout', 'pending'] as const;
const EVIDENCE = ['answers', 'silent', 'unknown', undefined] as const;

const self: ListedMember = { address: SELF, status: 'active', isLocal: true };

function node(state: NodeState, more: Partial<BusNode> = {}): BusNode {
  const sip = { host: '10.0.0.2', port: 5060 };
  return { nodeId: 'reg-2', role: 'registrar', state, address: PEER, sip, ...more };
}

function listed(status: ListedMember['status'], address = PEER): ListedMember {
  return { address, status, isLocal: false };
}

function plan(more: Partial<BusInput>): string {
  const input = { nodes: [], isFresh: true, listed: [], evidence: new Map(), self: SELF, ...more };
  const { remove, announce, alarm } = planBus(input);
  const words = [
    ...remove.map(({ address }) => `remove ${address}`),
    ...announce.map(({ address }) => `announce ${address}`),
  ];
  return [...words, ...(alarm === null ? [] : [`alarm ${alarm}`])].join(', ');
}

function given(evidence: Evidence | undefined): ReadonlyMap<string, Evidence> {
  return new Map(evidence === undefined ? [] : [[PEER, evidence]]);
}

test('every state, status and evidence: who serves stays, who is silent goes, who is unknown is left', () => {
  for (const state of [...NODE_STATES, 'unregistered'] as const) {
    for (const status of [...STATUSES, 'unlisted'] as const) {
      for (const evidence of EVIDENCE) {
        const nodes = state === 'unregistered' ? [] : [node(state)];
        const members = status === 'unlisted' ? [self] : [self, listed(status)];
        const serves = state === 'up' || state === 'draining';
        const lives = serves || evidence === 'answers';
        const expected = [];
        if (status === 'unlisted') {
          if (lives && state !== 'unregistered') expected.push('announce');
        } else if (!lives && evidence === 'silent') expected.push('remove');
        else if (lives && state !== 'unregistered' && status !== 'active') {
          expected.push(...(status === 'disabled' ? ['remove', 'announce'] : ['announce']));
        }
        assert.equal(
          plan({ nodes, listed: members, evidence: given(evidence) }),
          expected.map((word) => `${word} ${PEER}`).join(', '),
          `${state}, ${status}, ${evidence}`,
        );
      }
    }
  }
});

test('while the registry is not up to date nothing is changed, whatever is silent', () => {
  for (const status of STATUSES) {
    for (const evidence of EVIDENCE) {
      const members = [self, listed(status)];
      assert.equal(plan({ isFresh: false, listed: members, evidence: given(evidence) }), '');
    }
  }
});

test('ourselves are never removed, and a wrong address of ours is an alarm', () => {
  assert.equal(plan({ listed: [self], evidence: new Map([[SELF, 'silent']]) }), '');
  const other = { ...self, address: 'sip:10.0.0.9:5061' };
  assert.match(plan({ listed: [other] }), /^alarm the server is sip:10.0.0.9:5061 on the bus/);
});

test('the work of one pass is bounded, and the rest is found by the next', () => {
  const many = Array.from({ length: 50 }, (_, at) => `sip:10.0.1.${at}:5061`);
  const nodes = many.map((address, at) => node('up', { address, nodeId: `n${at}` }));
  assert.equal(planBus(input({ nodes })).announce.length, MAX_BUS_STEPS);
  const evidence = new Map(many.map((address) => [address, 'silent'] as const));
  const gone = many.map((address) => listed('active', address));
  assert.equal(planBus(input({ listed: gone, evidence })).remove.length, MAX_BUS_STEPS);
});

test('a plan that was carried out asks for nothing more', () => {
  const nodes = [node('up')];
  assert.notEqual(plan({ nodes, listed: [self] }), '');
  assert.equal(plan({ nodes, listed: [self, listed('active')] }), '');
});

test('those are asked of whom nobody says that they serve', () => {
  const third = 'sip:10.0.0.3:5061';
  const nodes = [node('up'), node('down', { address: third, nodeId: 'reg-3' })];
  const members = [self, listed('active'), listed('active', 'sip:10.0.0.4:5061')];
  assert.deepEqual(whomToAsk(nodes, members), ['sip:10.0.0.4:5061', third]);
});

test('the other nodes of the bus: roles, data centre, addresses', () => {
  const records = [
    record('reg-1', {}),
    record('reg-2', { host: '10.0.0.2' }),
    record('out-1', { host: '[fd00::7]', role: 'outbound' }),
    record('media-1', { host: '10.0.0.5', role: 'media' }),
    record('far-1', { host: '10.0.0.6', dc: 'dc2' }),
    record('named', { host: 'reg.example.net' }),
  ];
  const found = busNodes(records, { nodeId: 'reg-1', dc: 'dc1', dmqPort: 5061 });
  assert.deepEqual(
    found.map(({ address }) => address),
    ['sip:[fd00::7]:5061', PEER],
  );
  assert.equal(busAddress('reg.example.net', 5061), null);
});

test('of two that claim one address the one that serves counts', () => {
  const records = [
    record('a', { host: '10.0.0.2', state: 'down' }),
    record('b', { host: '10.0.0.2' }),
    record('c', { host: '10.0.0.2', state: 'starting' }),
  ];
  const found = busNodes(records, { nodeId: 'z', dc: 'dc1', dmqPort: 5061 });
  assert.deepEqual(
    found.map(({ nodeId }) => nodeId),
    ['b'],
  );
});

test('a starting server is told of the two best peers, and fetches from who serves', () => {
  const at = (nodeId: string, state: NodeState, role: BusNode['role'] = 'registrar'): BusNode =>
    node(state, { nodeId, role, address: `sip:${nodeId}:5061` });
  const nodes = [
    at('down', 'down'),
    at('starting', 'starting'),
    at('outbound', 'up', 'outbound'),
    at('draining', 'draining'),
    at('up', 'up'),
  ];
  assert.deepEqual(firstPeers(nodes), ['sip:up:5061', 'sip:outbound:5061']);
  assert.deepEqual(
    donorsOf(nodes).map(({ nodeId }) => nodeId),
    ['up', 'outbound', 'draining'],
  );
  assert.deepEqual(firstPeers([at('down', 'down')]), []);
});

function input(more: Partial<BusInput>): BusInput {
  return { nodes: [], isFresh: true, listed: [], evidence: new Map(), self: SELF, ...more };
}
