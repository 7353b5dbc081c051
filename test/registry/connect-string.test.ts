import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConnectString } from '../../src/registry/connect-string.js';
import { InvalidInputError } from '../../src/util/errors.js';

function check(text: string, servers: string[], chroot: string): void {
  const found = parseConnectString(text);
  assert.deepEqual(
    found.servers.map(({ host, port }) => `${host}:${port}`),
    servers,
  );
  assert.equal(found.chroot, chroot);
}

test('A18 servers, spaces, default port', () =>
  check(' zk1:2182, zk2 ,127.0.0.1:1', ['zk1:2182', 'zk2:2181', '127.0.0.1:1'], ''));

test('A18 a chroot', () => check('zk1:1/carna/prod', ['zk1:1'], '/carna/prod'));

test('A18 a trailing slash is no chroot', () => check('zk1:1/', ['zk1:1'], ''));

test('A18 empty parts are skipped', () => check('zk1:1,,zk2:2,', ['zk1:1', 'zk2:2'], ''));

for (const [text, why] of [
  ['', /names no server/],
  [' , ', /names no server/],
  ['/chroot', /names no server/],
  ['[::1]:2181', /IPv6/],
  ['::1', /IPv6/],
  ['zk1:port', /a port is a number/],
  ['zk1:0', /a port is a number/],
  ['zk1:65536', /a port is a number/],
  ['zk1:', /a port is a number/],
  ['zk 1:2181', /not a host name/],
  ['zk1:1//a', /chroot/],
  ['zk1:1/a/../b', /chroot/],
  ['zk1:1/a b', /chroot/],
] as const) {
  test(`A18 refused: ${JSON.stringify(text)}`, () =>
    assert.throws(
      () => parseConnectString(text),
      (err) => err instanceof InvalidInputError && why.test(err.message),
    ));
}
