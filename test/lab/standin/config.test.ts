import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStandinConfig } from '../../../src/lab/standin/config.js';
import { ConfigError } from '../../../src/util/errors.js';

const GOOD = {
  CARNA_SIP_HOST: '127.0.30.1',
  CARNA_SIP_PORT: '5060',
  CARNA_ESL_HOST: '127.0.30.1',
  CARNA_ESL_PORT: '8021',
  CARNA_ESL_PASSWORD: 'secret-1',
  CARNA_NODE_NAME: 'media-1',
};
const noFile = (): string => {
  throw new Error('ENOENT');
};

test('a complete environment gives a complete configuration', () => {
  const config = readStandinConfig(GOOD, noFile);
  assert.equal(config.sipHost, '127.0.30.1');
  assert.equal(config.sipPort, 5060);
  assert.equal(config.eslPort, 8021);
  assert.equal(config.maxSessions, 1000);
  assert.equal(config.heartbeatMs, 20_000);
  const set = { ...GOOD, CARNA_MAX_SESSIONS: '11', CARNA_HEARTBEAT_MS: '500' };
  assert.equal(readStandinConfig(set, noFile).maxSessions, 11);
  assert.equal(readStandinConfig(set, noFile).heartbeatMs, 500);
});

test('the password may stand in a file', () => {
  const env = { ...GOOD, CARNA_ESL_PASSWORD: undefined, CARNA_ESL_PASSWORD_FILE: '/run/secret' };
  const read = (path: string): string => (path === '/run/secret' ? 'from-file\n' : noFile());
  assert.equal(readStandinConfig(env, read).eslPassword, 'from-file');
  assert.throws(() => readStandinConfig(env, noFile), /CARNA_ESL_PASSWORD_FILE: ENOENT/);
});

test('all faults come together, and none shows the password', () => {
  const bad = { ...GOOD, CARNA_SIP_PORT: '70000', CARNA_ESL_PORT: 'x', CARNA_NODE_NAME: '' };
  assert.throws(
    () => readStandinConfig(bad, noFile),
    (err: unknown) =>
      err instanceof ConfigError &&
      err.faults.length === 3 &&
      /CARNA_SIP_PORT[^]*CARNA_ESL_PORT[^]*CARNA_NODE_NAME/.test(err.message) &&
      !err.message.includes('secret-1'),
  );
  assert.throws(
    () => readStandinConfig({}, noFile),
    (err: unknown) => err instanceof ConfigError && err.faults.length === 6,
  );
});
