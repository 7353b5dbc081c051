import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeWiring, encodeWiring } from '../../src/topology/wiring-codec.js';
import { DEFAULT_WIRING } from '../../src/topology/wiring.js';
import { InvalidInputError } from '../../src/util/errors.js';

const RULE = { consumer: 'dispatcher', target: 'media', setid: 30 };
const documentOf = (...rules: readonly unknown[]): string => JSON.stringify({ schema: 1, rules });

test('what is printed is read back as the shipped wiring', () => {
  const text = encodeWiring(DEFAULT_WIRING).join('\n');
  assert.deepEqual(decodeWiring('wiring.json', text), DEFAULT_WIRING);
  assert.match(
    text,
    /\n {4}\{"consumer":"dispatcher","target":"media","setid":30,"selection":"weight","remote":true\},\n/,
  );
});

for (const [name, text, faults] of [
  ['no JSON', '{', [/^wiring.json: it is no JSON text$/]],
  ['no object', '[]', [/document: Invalid input: expected object/]],
  ['another schema', JSON.stringify({ schema: 2, rules: [RULE] }), [/schema: .*expected 1/]],
  ['no rules', documentOf(), [/rules: /]],
  [
    'an unknown field',
    documentOf({ ...RULE, weight: 3 }),
    [/rules\[0\]: Unrecognized key: "weight"/],
  ],
  [
    'a role that is none, and a missing one: both are named',
    documentOf({ ...RULE, target: 'medja' }, { target: 'media', setid: 30 }),
    [
      /2 faults in the wiring\n/,
      /rules\[0\]\.target: expected a role \(load-balancer, .*\), found "medja"/,
      /rules\[1\]\.consumer: expected a role whose nodes are Kamailios \(.*\), found nothing/,
    ],
  ],
  [
    'FreeSWITCH loads no set',
    documentOf({ ...RULE, consumer: 'media' }),
    [/rules\[0\]\.consumer: expected a role whose nodes are Kamailios/],
  ],
  [
    'set numbers out of range',
    documentOf({ ...RULE, setid: 0 }, { ...RULE, setid: 2_147_483_647 }, { ...RULE, setid: 1.5 }),
    [/rules\[0\]\.setid/, /rules\[1\]\.setid/, /rules\[2\]\.setid/],
  ],
  ['a rule twice', documentOf(RULE, RULE), [/1 fault .*\n.*rules\[1\]: the same as rules\[0\]/]],
  [
    'one set for two roles',
    documentOf(RULE, { ...RULE, target: 'registrar' }),
    [/rules\[1\]\.setid: set 30 lists media already \(rules\[0\]\), a set lists one role/],
  ],
  [
    'a set where another data centre’s nodes would stand',
    documentOf(RULE, { ...RULE, target: 'registrar', setid: 130 }),
    [/rules\[1\]\.setid: set 130 and set 30 \(rules\[0\]\) are 100 apart/],
  ],
  ['far too long', ' '.repeat(70_000), [/longer than 65536 characters/]],
] as const) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => decodeWiring('wiring.json', text),
      (err) => {
        assert.ok(err instanceof InvalidInputError);
        for (const fault of faults) assert.match(err.message, fault);
        return true;
      },
    );
  });
}

test('one set may have several consumers', () => {
  const rules = [RULE, { ...RULE, consumer: 'load-balancer' }];
  assert.deepEqual(decodeWiring('w', documentOf(...rules)), [
    { ...RULE, selection: 'weight' },
    { ...RULE, consumer: 'load-balancer', selection: 'hash' },
  ]);
});

test('how a set is selected from may be said, of three ways', () => {
  const [rule] = decodeWiring('w', documentOf({ ...RULE, selection: 'hash' }));
  assert.equal(rule?.selection, 'hash');
  assert.throws(() => decodeWiring('w', documentOf({ ...RULE, selection: 'lot' })), /selection/);
});

test('a rule may have a second set for the nodes of other data centres', () => {
  const [rule] = decodeWiring('w', documentOf({ ...RULE, remote: true }));
  assert.equal(rule?.remote, true);
  assert.throws(() => decodeWiring('w', documentOf({ ...RULE, remote: 130 })), /remote/);
});

test('a document with hundreds of faults names twenty', () => {
  const rules = Array.from({ length: 90 }, () => ({ ...RULE, setid: -1 }));
  assert.throws(() => decodeWiring('w', documentOf(...rules)), /90 faults[^]*and 70 more$/);
});
