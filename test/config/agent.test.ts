import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadAgentConfig } from '../../src/config/agent.js';
import { loadReconcilerConfig } from '../../src/config/reconciler.js';
import type { Env } from '../../src/config/variables.js';
import { ConfigError } from '../../src/util/errors.js';

const MEDIA: Env = {
  CARNA_ZOOKEEPER: 'zk:2181',
  CARNA_NODE_ID: 'media-1',
  CARNA_ROLE: 'media',
  CARNA_SIP_HOST: '10.0.0.1',
  CARNA_STATE_DIR: '/run/carna',
  CARNA_SERVER_COMMAND: '["freeswitch","-nf"]',
  CARNA_ESL_PASSWORD: 'a secret of ours',
};

const noFile = (): string => {
  throw new Error('no file is read');
};

function check(change: Env, faults: readonly RegExp[]): void {
  assert.throws(
    () => loadAgentConfig({ ...MEDIA, ...change }, noFile),
    (err) => {
      assert.ok(err instanceof ConfigError);
      assert.equal(err.faults.length, faults.length, err.message);
      faults.forEach((fault, index) => assert.match(err.faults[index] ?? '', fault));
      return true;
    },
  );
}

test('a complete media configuration has its kind, command and defaults', () => {
  const config = loadAgentConfig(MEDIA, noFile);
  assert.equal(config.kind, 'freeswitch');
  assert.deepEqual(config.serverCommand, ['freeswitch', '-nf']);
  assert.deepEqual([config.sipPort, config.sipTransports], [5060, ['udp']]);
  assert.equal(config.marathon, null);
});

test('in a Mesos task the whole task id names the node', () => {
  const config = loadAgentConfig(
    {
      ...MEDIA,
      CARNA_NODE_ID: '',
      MESOS_TASK_ID: 'carna_media.instance-1f2e._app.3',
      MARATHON_APP_ID: '/carna/media',
      MARATHON_APP_VERSION: '2026-11-21T00:00:00.000Z',
    },
    noFile,
  );
  assert.equal(config.nodeId, 'carna_media.instance-1f2e._app.3');
  assert.equal(config.marathon?.appId, '/carna/media');
});

test('what each kind needs is asked for', () => {
  check({ CARNA_ESL_PASSWORD: '' }, [/CARNA_ESL_PASSWORD/]);
  check({ CARNA_ROLE: 'dispatcher' }, [/CARNA_DATABASE_URL/]);
});

test('a command must be a JSON array, transports must be known, the shortest pause the shortest', () => {
  check({ CARNA_SERVER_COMMAND: 'freeswitch -nf' }, [/CARNA_SERVER_COMMAND.*JSON array/]);
  check({ CARNA_SERVER_COMMAND: '[]', CARNA_SIP_TRANSPORTS: 'udp,sctp' }, [
    /CARNA_SIP_TRANSPORTS/,
    /CARNA_SERVER_COMMAND/,
  ]);
  check({ CARNA_RESTART_MIN_MS: '500', CARNA_RESTART_MAX_MS: '100' }, [/CARNA_RESTART_MIN_MS/]);
});

const BASE = { CARNA_ZOOKEEPER: 'zk:2181', CARNA_DATABASE_URL: 'postgresql://u:p@db/carna' };

test('the ensembles of other data centres are told by name; none is the default', () => {
  assert.deepEqual(loadReconcilerConfig(BASE, noFile).remoteZookeepers, []);
  const text = 'dc2=a:2181,b:2181/chroot;dc-3=127.0.0.1:2182';
  const { remoteZookeepers } = loadReconcilerConfig(
    { ...BASE, CARNA_REMOTE_ZOOKEEPERS: text },
    noFile,
  );
  assert.deepEqual(
    remoteZookeepers.map(({ dc, zookeeper }) => [dc, zookeeper.connectString]),
    [
      ['dc2', 'a:2181,b:2181/chroot'],
      ['dc-3', '127.0.0.1:2182'],
    ],
  );
});

for (const [why, text] of [
  ['no name', 'a:2181'],
  ['no address', 'dc2='],
  ['no port', 'dc2=a'],
  ['a name that is no part of a path', 'dc/2=a:2181'],
  ['a name twice', 'dc2=a:2181;dc2=b:2181'],
  ['an end without anything', 'dc2=a:2181;'],
  ['our own data centre', 'dc2=a:2181;dc1=b:2181'],
  ['more than are read', Array.from({ length: 9 }, (_, n) => `d${n}=a:2181`).join(';')],
] as const) {
  test(`refused ensembles of other data centres: ${why}`, () =>
    assert.throws(
      () => loadReconcilerConfig({ ...BASE, CARNA_REMOTE_ZOOKEEPERS: text }, noFile),
      /CARNA_REMOTE_ZOOKEEPERS/,
    ));
}

test('a reconciler needs both servers and has a session of its own length', () => {
  const env = { CARNA_ZOOKEEPER: 'zk:2181', CARNA_DATABASE_URL: 'postgresql://u:p@db/carna' };
  assert.equal(loadReconcilerConfig(env, noFile).sessionTimeoutMs, 6_000);
  assert.throws(
    () => loadReconcilerConfig({}, noFile),
    (err) => err instanceof ConfigError && err.faults.length === 2,
  );
});

test('nodes of the bus are known by an address, and the bus has a port of its own', () => {
  const bus = { CARNA_DATABASE_URL: 'postgresql://u:p@db/carna' };
  for (const role of ['registrar', 'outbound']) {
    const env = { ...MEDIA, ...bus, CARNA_ROLE: role };
    assert.equal(loadAgentConfig(env, noFile).dmqPort, 5061);
    check({ ...bus, CARNA_ROLE: role, CARNA_SIP_HOST: 'reg.example.net' }, [
      /^CARNA_SIP_HOST: expected an address for role/,
    ]);
    check({ ...bus, CARNA_ROLE: role, CARNA_DMQ_PORT: '5060' }, [/^CARNA_DMQ_PORT: /]);
  }
  const dispatcher = { ...MEDIA, ...bus, CARNA_ROLE: 'dispatcher' };
  loadAgentConfig({ ...dispatcher, CARNA_SIP_HOST: 'dispatcher.example.net' }, noFile);
});

test('a FreeSWITCH that the agent starts is given an IPv4 address; of somebody else’s any is published', () => {
  const image = { CARNA_RUNTIME: 'docker', CARNA_SERVER_IMAGE: 'carna/freeswitch:1' };
  for (const CARNA_SIP_HOST of ['media.example.net', '[2001:db8::1]', '10.0.0']) {
    for (const runtime of [{}, image]) {
      check({ ...runtime, CARNA_SIP_HOST }, [/^CARNA_SIP_HOST: expected an IPv4 address/]);
    }
    loadAgentConfig({ ...MEDIA, CARNA_RUNTIME: 'observe', CARNA_SIP_HOST }, noFile);
  }
  loadAgentConfig({ ...MEDIA, ...image }, noFile);
});

test('in a Mesos task the whole task id names the reconciler, unless it has a name', () => {
  const task = 'carna_dc1_reconciler.instance-0c5c4f36-c5a9-11f0-8de9-0242ac120002._app.12';
  const env = { ...BASE, MESOS_TASK_ID: task };
  assert.equal(loadReconcilerConfig(env, noFile).reconcilerId, task);
  const named = { ...env, CARNA_RECONCILER_ID: 'r1' };
  assert.equal(loadReconcilerConfig(named, noFile).reconcilerId, 'r1');
  assert.equal(loadReconcilerConfig(BASE, noFile).reconcilerId, 'reconciler');
});
