import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { digestHashes } from '../../../src/protocols/sip/ha1.js';

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

test("RFC 2617's own example comes out, from the hash to the response", () => {
  const { ha1 } = digestHashes('Mufasa', 'testrealm@host.com', 'Circle Of Life');
  assert.equal(ha1, '939e7578ed9e3c518a452acee763bce9');
  const ha2 = md5('GET:/dir/index.html');
  const nonce = 'dcd98b7102dd2f0e8b11d0f600bfb0c093';
  assert.equal(
    md5(`${ha1}:${nonce}:00000001:0a4f113b:auth:${ha2}`),
    '6629fae49393a05397450978507c4ef1',
  );
});

test('ha1b is that of a phone whose user name holds the domain', () => {
  const { ha1, ha1b } = digestHashes('alice', 'carna.test', 'correct horse');
  assert.equal(ha1b, digestHashes('alice@carna.test', 'carna.test', 'correct horse').ha1);
  assert.notEqual(ha1, ha1b);
});

test('a password beyond ASCII counts as UTF-8', () => {
  const { ha1 } = digestHashes('alice', 'carna.test', 'pässwörd');
  assert.equal(ha1, md5(Buffer.from('alice:carna.test:pässwörd', 'utf8').toString('utf8')));
  assert.notEqual(
    ha1,
    createHash('md5').update(Buffer.from('alice:carna.test:pässwörd', 'latin1')).digest('hex'),
  );
});
