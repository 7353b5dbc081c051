import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generatePassword } from '../../src/cli/secret-input.js';
import { digestHashes } from '../../src/protocols/sip/ha1.js';
import type { AccountWorld, StoredUser } from './account-world.js';
import { accountWorld, stored } from './account-world.js';
import type { Outcome, Terminal } from './support.js';
import { carna, fakeData } from './support.js';

const ENV = { CARNA_MANAGER_DATABASE_URL: 'postgresql://m:s3cret@db:5432/k' };

function run(line: string, accounts: AccountWorld, terminal: Terminal = {}): Promise<Outcome> {
  return carna(line, fakeData(), { ...terminal, accounts, env: { ...ENV, ...terminal.env } });
}

/** A line of input, also as keys of a terminal. */
const typed = (...lines: string[]): string => lines.map((line) => `${line}\r`).join('');

function checkPassword(world: AccountWorld, password: string): void {
  const alice = world.users.get('alice@a.test');
  const { ha1, ha1b } = digestHashes('alice', 'a.test', password);
  assert.deepEqual([alice?.ha1, alice?.ha1b], [ha1, ha1b]);
}

test('a user is added with a password from standard input, which is shown nowhere', async () => {
  const world = accountWorld();
  const input = 'correct horse\n';
  const line = 'user add alice@a.test --number +442079460123,+4930123 --password-stdin';
  const { code, out, err } = await run(line, world, { input });
  assert.deepEqual([code, err], [0, '']);
  assert.match(out, /^alice@a\.test is added with \+442079460123, \+4930123\.\n/);
  assert.match(out, /effective {2}at the next request; known to every node within a second/);
  assert.match(out, /next {7}let its phone register, then: carna location alice@a\.test/);
  assert.doesNotMatch(out, /horse/);
  checkPassword(world, 'correct horse');
  assert.deepEqual(world.users.get('alice@a.test')?.numbers, ['+442079460123', '+4930123']);
  assert.equal(world.isClosed(), true);
});

test('a made password is printed once and is the one that counts', async () => {
  const world = accountWorld();
  const { code, out } = await run('user add alice@a.test --generate', world);
  assert.equal(code, 0);
  const password = / password {3}(\S{24}) {3}shown this once/.exec(out)?.[1] ?? '';
  assert.equal(out.split(password).length, 2);
  checkPassword(world, password);
  const json = await run('user passwd alice@a.test --generate --json', world);
  const said = JSON.parse(json.out) as Record<string, string>;
  assert.deepEqual(
    [said['did'], said['aor'], said['numbers']],
    ['password-changed', 'alice@a.test', null],
  );
  checkPassword(world, said['password'] ?? '');
  assert.notEqual(said['password'], password);
});

test('a made password uses every letter of its alphabet and nothing that looks like another', () => {
  const bytes = Uint8Array.from({ length: 24 }, (_, at) => at * 11);
  const one = generatePassword(() => bytes);
  assert.match(one, /^[0-9a-hjkmnp-tv-z]{24}$/);
  const seen = new Set(generatePassword(() => Uint8Array.from({ length: 256 }, (_, at) => at)));
  assert.equal(seen.size, 32);
});

test('on a terminal it is asked for twice and never echoed', async () => {
  const world = accountWorld();
  const input = typed('correct horse', 'correct horse');
  const { code, out, err, listeners } = await run('user add alice@a.test', world, {
    input,
    columns: 80,
  });
  assert.deepEqual([code, listeners], [0, 0], err);
  assert.equal(err, 'Password: \nThe same again: \n');
  assert.doesNotMatch(out + err, /horse|corr/);
  checkPassword(world, 'correct horse');
});

for (const [what, input, code, why] of [
  ['two passwords', typed('correct horse', 'correct house'), 2, /expected the same password twice/],
  ['a short one', typed('short'), 2, /8 to 128 characters, found 5/],
  ['Ctrl-C', 'corr\u0003', 1, /nothing was changed/],
  ['the end of input', '', 1, /nothing was changed/],
  ['the end after the first', typed('correct horse'), 1, /nothing was changed/],
] as const) {
  test(`${what} on the terminal changes nothing`, async () => {
    const world = accountWorld([stored('alice@a.test')]);
    for (const line of ['user passwd alice@a.test', 'user add bob@a.test']) {
      const outcome = await run(line, world, { input, columns: 80 });
      assert.deepEqual([outcome.code, outcome.out], [code, '']);
      assert.match(outcome.err, why);
      assert.doesNotMatch(outcome.err, /horse|corr|short\b/);
    }
    assert.deepEqual([...world.users.values()], [stored('alice@a.test')]);
  });
}

for (const [line, input, why] of [
  ['user add alice@a.test', '', /a terminal to ask for the password, --password-stdin or --gen/],
  ['user add alice@a.test --generate --password-stdin', '', /found both/],
  ['user add alice@a.test --password-stdin', '', /8 to 128 characters, found 0/],
  ['user add alice@a.test --password-stdin', 'correct horse\nbattery\n', /one line/],
  ['user add alice@a.test --password-stdin', 'x'.repeat(5000), /over 4096 bytes/],
  ['user add alice', '', /expected user@domain, found "alice"/],
  ['user add Alice@a.test', '', /lower-case/],
  ['user add echo@a.test', '', /service/],
  ['user add alice@a.test --number 1234567', '', /a number like \+44/],
  ['user add alice@a.test --number +4912345 --number +4912345', '', /once, found it twice/],
  ['user list a;b', '', /expected user@domain/],
  ['user list --limit 0', '', /from 1 to/],
  ['user remove alice@a.test', '', /expected a terminal or --yes/],
  ['user', '', /Usage: carna user/],
] as const) {
  test(`wrong use: ${line} ${input.slice(0, 20)}`, async () => {
    const world = accountWorld([stored('alice@a.test')]);
    if (line.startsWith('user add')) world.users.clear();
    const { code, out, err } = await run(line, world, { input });
    assert.deepEqual([code, out], [2, '']);
    assert.match(err, why);
    assert.doesNotMatch(err, /horse/);
    assert.equal(world.users.size, line.startsWith('user add') ? 0 : 1);
  });
}

test('a user that exists and a number of another are refused, with what to do next', async () => {
  const world = accountWorld([stored('alice@a.test', { numbers: ['+4912345'] })]);
  const twice = await run('user add alice@a.test --generate', world);
  assert.equal(twice.code, 1);
  assert.match(
    twice.err,
    /alice@a\.test exists \(nothing was changed\)\n {2}next: carna user passwd/,
  );
  const taken = await run('user add bob@a.test --number +4912345 --generate', world);
  assert.equal(taken.code, 1);
  assert.match(
    taken.err,
    /\+4912345 belongs to alice@a\.test[^]*next: carna location alice@a\.test/,
  );
  assert.deepEqual([taken.out, world.users.size], ['', 1]);
});

test('whoever exists already is told before a password is typed', async () => {
  const world = accountWorld([stored('alice@a.test')]);
  const { err } = await run('user add alice@a.test', world, { columns: 80 });
  assert.doesNotMatch(err, /Password:/);
});

test('an unknown user: who there is, and what to do', async () => {
  const world = accountWorld([stored('alice@a.test'), stored('zoe@a.test')]);
  for (const line of ['user passwd alcie@a.test --generate', 'user remove alcie@a.test --yes']) {
    const { code, out, err } = await run(line, world);
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, /^error: there is no user alcie@a\.test\n {2}there are: alice@a\.test/);
    assert.match(err, /next: carna user list, or carna user add alcie@a\.test/);
  }
});

const LISTED: readonly StoredUser[] = [
  stored('alice@a.test', { numbers: ['+442079460123'], contacts: 2 }),
  stored('bob@a.test'),
];

test('the list: how many, their numbers, who is registered', async () => {
  const { code, out } = await run('user list', accountWorld(LISTED));
  assert.equal(code, 0);
  assert.equal(
    out,
    `2 users, 1 of them registered now
USER          NUMBERS        REGISTERED
alice@a.test  +442079460123  ● at 2 phones
bob@a.test                   ○ no
`,
  );
});

test('the list says what a limit leaves out, and what to do when none matches', async () => {
  const some = await run('user list --limit 1', accountWorld(LISTED));
  assert.match(some.out, /^2 users, the first 1 are shown[^]*… 1 more; all: --limit, or a pattern/);
  const none = await run('user list z*', accountWorld(LISTED));
  assert.deepEqual([none.code, none.out.split('\n')[0]], [1, 'no user matches z*']);
  const empty = await run('user list', accountWorld());
  assert.match(empty.out, /there are no users yet\n {2}next: carna user add/);
});

test('list --json is complete and holds no hash', async () => {
  const { out } = await run('user list --json --limit 1', accountWorld(LISTED));
  const users = [{ aor: 'alice@a.test', numbers: ['+442079460123'], contacts: 2 }];
  assert.deepEqual(JSON.parse(out), { schema: 1, total: 2, users });
});

test('to be removed is told with what stays behind, asked for, and done', async () => {
  const world = accountWorld(LISTED);
  const no = await run('user remove alice@a.test', world, { columns: 200, input: 'n\n' });
  assert.deepEqual([no.code, world.users.size], [1, 2]);
  assert.match(no.out, /alice@a\.test with \+442079460123 can neither register nor call any more/);
  assert.match(no.out, /registered at 2 phones now\. They stay until the registration expires/);
  assert.match(no.err, /nothing was changed/);
  const yes = await run('user remove alice@a.test', world, { columns: 200, input: 'y\n' });
  assert.equal(yes.code, 0);
  assert.match(yes.out, /alice@a\.test is removed; leaves 2 registrations\./);
  assert.deepEqual([...world.users.keys()], ['bob@a.test']);
  const json = await run('user remove bob@a.test --yes --json', world);
  const rest = { numbers: [], password: null, contactsLeft: 0 };
  assert.deepEqual(JSON.parse(json.out), { schema: 1, did: 'removed', aor: 'bob@a.test', ...rest });
});

test('reading works with the login of operators, changing asks for the manager and names it', async () => {
  const env = { CARNA_MANAGER_DATABASE_URL: '', CARNA_DATABASE_URL: 'postgresql://r:x@db/k' };
  const list = await run('user list', accountWorld(LISTED), { env });
  assert.equal(list.code, 0);
  const world = accountWorld(LISTED);
  for (const line of ['user add bob@b.test --generate', 'user remove bob@a.test --yes']) {
    const { code, err } = await run(line, world, { env });
    assert.equal(code, 2);
    assert.match(err, /CARNA_MANAGER_DATABASE_URL[^]*group role carna_manager/);
  }
  assert.equal(world.users.size, 2);
});

test('users need no ZooKeeper', async () => {
  const { code } = await run('user list', accountWorld(LISTED), { env: { CARNA_ZOOKEEPER: '' } });
  assert.equal(code, 0);
});
