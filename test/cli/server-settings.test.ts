import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serverEnv } from '../../src/agent/runtime/server-env.js';
import { serverSettings } from '../../src/cli/daemons/server-settings.js';
import { loadAgentConfig, publishedHttp } from '../../src/config/agent.js';
import type { AgentConfig } from '../../src/config/agent.js';
import type { Env } from '../../src/config/variables.js';

const FILES: Readonly<Record<string, string>> = {
  '/secrets/esl-password': 'a word of ours\n',
  '/secrets/kamailio-db-url-registrar': 'postgres://kamailio:its-word@db/carna\n',
  '/secrets/route-secret': 'signs\n',
  '/secrets/agent-database-url': 'postgres://agent:other-word@db/carna',
  '/secrets/zookeeper-auth': 'carna:third-word',
};

/** What every task of the sample is told, and what Mesos adds. */
const TASK: Env = {
  CARNA_ZOOKEEPER: 'zk:2181',
  CARNA_ZOOKEEPER_AUTH_FILE: '/secrets/zookeeper-auth',
  CARNA_STATE_DIR: '/run/carna',
  CARNA_CTL_SOCKET: '/run/carna/kamailio.ctl',
  CARNA_SERVER_IMAGE: 'server:1',
  CARNA_SIP_HOST: '10.0.2.1',
  CARNA_HTTP_HOST: '0.0.0.0',
  MESOS_TASK_ID: 'carna_dc1_x.instance-1f2e._app.1',
};
const REGISTRAR: Env = {
  ...TASK,
  CARNA_ROLE: 'registrar',
  CARNA_DATABASE_URL_FILE: '/secrets/agent-database-url',
  CARNA_KAMAILIO_DB_URL_FILE: '/secrets/kamailio-db-url-registrar',
  CARNA_ROUTE_SECRET_FILE: '/secrets/route-secret',
};
const MEDIA: Env = {
  ...TASK,
  CARNA_ROLE: 'media',
  CARNA_ESL_PASSWORD_FILE: '/secrets/esl-password',
};

const configOf = (env: Env): AgentConfig =>
  loadAgentConfig(env, (path) => {
    const text = FILES[path];
    if (text === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
    return text;
  });

/** What of Carna's the server is told. */
function toldTo(env: Env): Readonly<Record<string, string | undefined>> {
  const told = serverEnv({ ...env }, serverSettings(configOf(env), env));
  return Object.fromEntries(Object.entries(told).filter(([name]) => name.startsWith('CARNA_')));
}

test('Kamailio is told who it is, where it listens, and its secrets by value', () => {
  const told = toldTo(REGISTRAR);
  assert.equal(told['CARNA_NODE_ID'], TASK['MESOS_TASK_ID']);
  assert.equal(told['CARNA_SIP_PORT'], '5060');
  assert.equal(told['CARNA_CTL_SOCKET'], '/run/carna/kamailio.ctl');
  assert.equal(told['CARNA_KAMAILIO_DB_URL'], 'postgres://kamailio:its-word@db/carna');
  assert.equal(told['CARNA_ROUTE_SECRET'], 'signs');
  assert.equal(told['CARNA_ESL_PASSWORD'], undefined);
});

test('FreeSWITCH is told its name, its event socket and the password by value', () => {
  const told = toldTo(MEDIA);
  assert.equal(told['CARNA_NODE_NAME'], TASK['MESOS_TASK_ID']);
  assert.deepEqual([told['CARNA_ESL_HOST'], told['CARNA_ESL_PORT']], ['127.0.0.1', '8021']);
  assert.equal(told['CARNA_ESL_PASSWORD'], 'a word of ours');
  assert.equal(toldTo({ ...MEDIA, CARNA_NODE_NAME: 'm1' })['CARNA_NODE_NAME'], 'm1');
});

test('no server is told of a file with a secret, or of the agent’s own credentials', () => {
  for (const env of [REGISTRAR, MEDIA]) {
    const told = toldTo(env);
    const secrets = Object.keys(told).filter((name) => name.endsWith('_FILE'));
    assert.deepEqual(secrets, []);
    assert.ok(!JSON.stringify(told).includes('third-word'));
    assert.ok(!JSON.stringify(told).includes('other-word'));
  }
});

test('a secret that is not given leaves its variable unset: an empty one is a mistake to Kamailio', () => {
  assert.ok(!('CARNA_ROUTE_SECRET' in toldTo({ ...REGISTRAR, CARNA_ROUTE_SECRET_FILE: '' })));
});

test('a secret may come by value or by file, not both, and a missing file is named', () => {
  const url = { CARNA_KAMAILIO_DB_URL: 'postgres://kamailio:hunter2@db/carna' };
  assert.throws(() => configOf({ ...REGISTRAR, ...url }), /expected it or .*_FILE, found both/);
  const missing = { CARNA_KAMAILIO_DB_URL_FILE: '/secrets/none' };
  assert.throws(
    () => configOf({ ...REGISTRAR, ...missing }),
    /_FILE: .*ENOENT for "\/secrets\/none"/,
  );
});

for (const [listens, published] of [
  ['0.0.0.0', '10.0.2.1:9100'],
  ['[::]', '10.0.2.1:9100'],
  ['127.0.0.1', '127.0.0.1:9100'],
  ['10.7.7.7', '10.7.7.7:9100'],
] as const) {
  test(`an agent that listens on ${listens} is asked at ${published}`, () =>
    assert.equal(publishedHttp(configOf({ ...MEDIA, CARNA_HTTP_HOST: listens })), published));
}
