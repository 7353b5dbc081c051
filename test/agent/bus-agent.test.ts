import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentBench } from './support/agent-bench.js';
import { FakeBus } from './support/fake-bus.js';
import { FakeServer } from './support/fakes.js';

const OWN = 'sip:127.0.0.1:5061';
const OWN_HOST = '127.0.0.1';
const FAIL = { kind: 'fail', latencyMs: 1, reason: 'silent', isEnding: false } as const;
const OK = { kind: 'ok', latencyMs: 1, note: null, lifeId: null } as const;

/** An agent whose peer n2 serves with 500 contacts. */
function bench(prepare: (bus: FakeBus, agent: AgentBench) => void = () => undefined): {
  readonly agent: AgentBench;
  readonly bus: FakeBus;
} {
  const bus = new FakeBus(OWN);
  bus.contacts.set(OWN_HOST, 0);
  bus.add(2, 'up', 500);
  const agent = new AgentBench('registrar', null, {}, (it) => prepare(bus, it), bus);
  return { agent, bus };
}

test('a server that passes its checks is not published as up before its contacts are here', async () => {
  const { agent, bus } = bench((it) => (it.delivers = false));
  await agent.time.advance(1_000);
  assert.equal(agent.states(), 'starting');
  assert.equal(agent.agent.health().isHealthy, false);
  assert.equal(agent.agent.health().bus?.isSynced, false);
  bus.contacts.set(OWN_HOST, 500);
  await agent.time.advance(300);
  assert.equal(agent.states(), 'starting up');
  assert.match(agent.agent.health().bus?.sync ?? '', /500 here, 500 on n2/);
  await agent.stop();
});

test('after the bound it is published with the reason, which goes when all is here', async () => {
  const { agent, bus } = bench((it) => it.deaf.add('10.0.0.2'));
  await agent.time.advance(16_500);
  assert.equal(agent.record.state, 'up');
  assert.match(agent.record.reason, /^its contacts may not be complete/);
  assert.match(agent.agent.health().bus?.alarm ?? '', /^its contacts may not be complete|n2/);
  bus.deaf.clear();
  await agent.time.advance(12_000);
  assert.equal(agent.record.reason, 'up');
  await agent.stop();
});

test('a restarted server waits for its contacts again', async () => {
  const { agent, bus } = bench();
  await agent.time.advance(1_000);
  assert.equal(agent.record.state, 'up');
  bus.contacts.set(OWN_HOST, 0);
  bus.delivers = false;
  agent.runtime.server.exit(null, 'SIGKILL');
  await agent.time.advance(1_500);
  assert.equal(agent.runtime.servers.length, 2);
  assert.equal(agent.record.state, 'down');
  bus.contacts.set(OWN_HOST, 500);
  await agent.time.advance(3_000);
  assert.equal(agent.record.state, 'up');
  await agent.stop();
});

test('one that did not answer for some time fetches what it missed before it is up again', async () => {
  const { agent, bus } = bench();
  await agent.time.advance(1_000);
  agent.runtime.server.result = FAIL;
  await agent.time.advance(5_000);
  assert.equal(agent.record.state, 'down');
  bus.contacts.set('10.0.0.2', 700);
  bus.done();
  agent.runtime.server.result = OK;
  await agent.time.advance(3_000);
  assert.equal(agent.record.state, 'up');
  assert.match(bus.done(), /2 sends all to 1/);
  assert.equal(bus.contacts.get(OWN_HOST), 700);
  await agent.stop();
});

test('a server that was taken over with its contacts is up at once', async () => {
  const { agent, bus } = bench((it, { runtime }) => {
    it.contacts.set(OWN_HOST, 499);
    it.lists(2);
    runtime.running = new FakeServer(99, 'life-7');
    runtime.running.isAdopted = true;
  });
  await agent.time.advance(300);
  assert.equal(agent.states(), 'starting up');
  assert.equal(bus.done(), '');
  await agent.stop();
});

test('beside a server that is on no bus nothing waits, and nothing is told of one', async () => {
  const agent = await new AgentBench().up();
  assert.equal(agent.record.state, 'up');
  assert.equal(agent.agent.health().bus, null);
  await agent.stop();
});
