import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestResponse, parseChallenge } from '../../../src/lab/phones/digest.js';
import { answeredDirection, offeredDirection } from '../../../src/lab/phones/request.js';

const CHALLENGE =
  'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"';

test('the answer is that of the example in RFC 2617', () => {
  const value = digestResponse(parseChallenge(CHALLENGE), {
    user: 'Mufasa',
    password: 'Circle Of Life',
    method: 'GET',
    uri: '/dir/index.html',
    cnonce: '0a4f113b',
    count: 1,
  });
  assert.match(value, /^Digest username="Mufasa", realm="testrealm@host.com", /);
  assert.match(value, /response="6629fae49393a05397450978507c4ef1"/);
  assert.match(value, /opaque="5ccc069c403ebaf9f0171e9517f40e41"/);
  assert.match(value, /nc=00000001/);
});

test('a challenge says whether only its nonce was old', () => {
  assert.equal(parseChallenge(CHALLENGE).isStale, false);
  assert.equal(parseChallenge(`${CHALLENGE}, stale=true`).isStale, true);
  assert.equal(parseChallenge(`${CHALLENGE}, stale=FALSE`).isStale, false);
});

test('a challenge that a phone cannot meet is refused by name', () => {
  assert.throws(() => parseChallenge('Basic realm="a"'), /no Digest/);
  assert.throws(() => parseChallenge('Digest realm="a", nonce="b"'), /qop ""/);
  assert.throws(
    () => parseChallenge('Digest realm="a", nonce="b", qop="auth", algorithm=SHA-256'),
    /algorithm "SHA-256"/,
  );
});

test('who is put on hold only listens', () => {
  assert.equal(offeredDirection('v=0\r\nm=audio 1 RTP/AVP 0\r\na=sendonly\r\n'), 'sendonly');
  assert.equal(answeredDirection('v=0\r\na=sendonly\r\n'), 'recvonly');
  assert.equal(offeredDirection('v=0\r\nm=audio 1 RTP/AVP 0\r\n'), 'sendrecv');
});
