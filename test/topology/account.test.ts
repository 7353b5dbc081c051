import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  parseAor,
  parseKnownAor,
  parseNumbers,
  passwordFault,
} from '../../src/topology/account.js';

for (const [text, user, domain] of [
  ['alice@carna.test', 'alice', 'carna.test'],
  ['sip:a.b-c_d~1@x', 'a.b-c_d~1', 'x'],
  ['1001@sub.example.org', '1001', 'sub.example.org'],
] as const) {
  test(`${text} is a name for a new user`, () =>
    assert.deepEqual(parseAor(text), { kind: 'ok', value: { user, domain } }));
}

for (const [text, why] of [
  ['alice', /user@domain, found "alice"/],
  ['Alice@carna.test', /lower-case/],
  ['alice@Carna.test', /lower case after the @/],
  ['al ice@carna.test', /lower-case/],
  ['@carna.test', /lower-case/],
  ['alice@', /domain name/],
  ['alice@10.0.0.1', /domain name/],
  ['alice@a..b', /domain name/],
  ['alice@a@b', /domain name/],
  [`${'a'.repeat(65)}@x`, /at most 64/],
  [`a@${'b'.repeat(65)}`, /domain name/],
  ['+442079460123@carna.test', /--number, found "\+442079460123"/],
  ['echo@carna.test', /service/],
  ['conf-7@carna.test', /service/],
  [`ct_${'0'.repeat(32)}@carna.test`, /service/],
  ["a'b@carna.test", /lower-case/],
] as const) {
  test(`${text} is none, and it says why`, () => {
    const parsed = parseAor(text);
    assert.ok(parsed.kind === 'fault');
    assert.match(parsed.why, why);
  });
}

test('a user that others named by looser rules can be named', () => {
  const value = { user: 'Alice', domain: 'carna.test' };
  assert.deepEqual(parseKnownAor('sip:Alice@Carna.test'), { kind: 'ok', value });
  for (const bad of ['alice', 'a b@c', 'a@b@c', '<a@b>']) {
    assert.equal(parseKnownAor(bad).kind, 'fault', bad);
  }
});

test('numbers are E.164, several by commas, none twice', () => {
  const value = ['+442079460123', '+49301234'];
  assert.deepEqual(parseNumbers('+442079460123, +49301234'), { kind: 'ok', value });
  for (const bad of [
    '',
    '442079460123',
    '+0123456',
    '+1234',
    '+1234567890123456',
    '+44x',
    '+49301234,',
  ]) {
    assert.equal(parseNumbers(bad).kind, 'fault', bad);
  }
  assert.match(JSON.stringify(parseNumbers('+49301234,+49301234')), /each number once/);
});

test('a password is one line of 8 to 128 characters and never quoted', () => {
  assert.equal(passwordFault('pässwörd'), null);
  assert.equal(passwordFault('x'.repeat(128)), null);
  for (const bad of ['', 'short12', 'x'.repeat(129), 'two\nlines-of-it', 'a\u0000bcdefghi']) {
    const fault = passwordFault(bad);
    assert.ok(fault !== null);
    assert.ok(bad === '' || !fault.includes(bad));
  }
});
