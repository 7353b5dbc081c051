import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountWorld } from './account-world.js';
import { accountWorld, stored, trunk } from './account-world.js';
import type { Outcome, Terminal } from './support.js';
import { carna, fakeData } from './support.js';

function run(line: string, accounts: AccountWorld, terminal: Terminal = {}): Promise<Outcome> {
  const env = { CARNA_MANAGER_DATABASE_URL: 'postgresql://m:s3cret@db:5432/k' };
  return carna(line, fakeData(), { ...terminal, accounts, env });
}

test('a trunk is added as it was said, and told in words', async () => {
  const world = accountWorld();
  const line =
    'trunk add carrier-a --to sip:198.51.100.7:5070;transport=tcp --prefix +44 --priority 5 --weight 3 --cap 30 --strip 1 --add 00 --source';
  const { code, out, err } = await run(line, world);
  assert.deepEqual([code, err], [0, '']);
  assert.match(
    out,
    /^carrier-a is added: \+44… go to sip:198\.51\.100\.7:5070;transport=tcp, 30 calls at once, calls from 198\.51\.100\.7 come in by it without a password\.\n/,
  );
  assert.match(out, /effective {2}at the next request/);
  assert.match(out, /next {7}carna trunk list \+441234567\n/);
  const to = { host: '198.51.100.7', port: 5070, transport: 'tcp' } as const;
  const rest = {
    prefix: '+44',
    priority: 5,
    weight: 3,
    cap: 30,
    strip: 1,
    add: '00',
    source: true,
  };
  assert.deepEqual(world.trunks.get('carrier-a'), { name: 'carrier-a', ...to, ...rest });
});

test('without a prefix it brings calls in alone', async () => {
  const world = accountWorld();
  const { out } = await run('trunk add in --to sip:198.51.100.7 --source --json', world);
  const added = trunk('in', { host: '198.51.100.7', prefix: '+', weight: 0, source: true });
  assert.deepEqual(JSON.parse(out), { schema: 1, did: 'added', trunk: added });
  assert.deepEqual([...world.trunks.values()], [added]);
});

for (const [line, why] of [
  ['trunk add a', /required option '--to <uri>'/],
  ['trunk add a --to 1.2.3.4', /sip:host\[:port\]/],
  ['trunk add a --to sip:1.2.3.4', /--prefix, --source or both, found neither/],
  ['trunk add a --to sip:1.2.3.4 --prefix 44', /a prefix like \+44/],
  ['trunk add a --to sip:1.2.3.4 --prefix +44,+49', /one prefix/],
  ['trunk add a --to sip:1.2.3.4 --prefix +44 --weight 0', /found neither/],
  ['trunk add a --to sip:1.2.3.4 --prefix +44 --weight 1001', /from 0 to 1000/],
  ['trunk add a --to sip:1.2.3.4 --prefix +44 --cap -1', /cap/],
  ['trunk add a --to sip:1.2.3.4 --prefix +44 --strip 16', /from 0 to 15/],
  ['trunk add a --to sip:1.2.3.4 --prefix +44 --add x', /digits/],
  ['trunk add a --to sip:sip.example.net --source', /IPv4 address in --to with --source/],
  ['trunk add A --to sip:1.2.3.4 --prefix +44', /lower-case name/],
  ['trunk list 0044', /a number like \+442079460123, found "0044"/],
  ['trunk remove carrier-a', /expected a terminal or --yes/],
] as const) {
  test(`wrong use: ${line}`, async () => {
    const world = accountWorld([], [trunk('carrier-a')]);
    const { code, err } = await run(line, world);
    assert.equal(code, 2);
    assert.match(err, why);
    assert.equal(world.trunks.size, 1);
  });
}

test('a name that is taken is refused', async () => {
  const world = accountWorld([], [trunk('carrier-a')]);
  const { code, err } = await run('trunk add carrier-a --to sip:1.2.3.4 --prefix +49', world);
  assert.equal(code, 1);
  assert.match(
    err,
    /there is a trunk carrier-a \(nothing was changed\)\n {2}next: carna trunk list/,
  );
  assert.deepEqual(world.trunks.get('carrier-a'), trunk('carrier-a'));
});

const CARRIERS = [
  trunk('uk-a', { weight: 3, priority: 5, cap: 1200, strip: 1, add: '00' }),
  trunk('uk-b', { priority: 5, host: 'sip.example.net', transport: 'tls', port: 5061 }),
  trunk('any', { prefix: '+', source: true }),
  trunk('in', { prefix: '+', weight: 0, source: true }),
];

test('the list keeps the order in which trunks are tried', async () => {
  const { code, out } = await run('trunk list', accountWorld([], CARRIERS));
  assert.equal(code, 0);
  assert.equal(
    out,
    `4 trunks, 2 of them bring calls in
TRUNK  NUMBERS      TO                                      PRIORITY  WEIGHT    CAP  NUMBER SENT                       SOURCE
any    all numbers  sip:203.0.113.5:5060                           0       1   none  as dialled                        yes
in     none         sip:203.0.113.5:5060                                       none                                    yes
uk-a   +44…         sip:203.0.113.5:5060                           5       3  1,200  without its first 1, 00 in front
uk-b   +44…         sip:sip.example.net:5061;transport=tls         5       1   none  as dialled
`,
  );
});

test('what a call to a number would try, in order', async () => {
  const { code, out } = await run('trunk list +442079460123', accountWorld([], CARRIERS));
  assert.equal(code, 0);
  assert.equal(
    out,
    `a call to +442079460123 may take 3 trunks, in this order. Trunks of one rank take turns by weight.
RANK  TRUNK  FIRST  AS                                                      CAP  BECAUSE
   1  uk-a    75 %  sip:00442079460123@203.0.113.5:5060                   1,200  +44…
   1  uk-b    25 %  sip:+442079460123@sip.example.net:5061;transport=tls   none  +44…
   2  any    100 %  sip:+442079460123@203.0.113.5:5060                     none  all numbers
`,
  );
  const more = [...CARRIERS, trunk('uk-c')];
  const four = await run('trunk list +442079460123', accountWorld([], more));
  assert.match(four.out, /A call tries at most 3 of them\./);
});

test('a number that no trunk carries is a no, with what to do', async () => {
  const { code, out } = await run('trunk list +33123456', accountWorld([], [trunk('uk')]));
  assert.equal(code, 1);
  assert.match(out, /^no trunk carries \+33123456[^]*next: carna trunk list/);
  const none = await run('trunk list', accountWorld());
  assert.deepEqual([none.code, none.out.startsWith('there are no trunks yet')], [1, true]);
});

test('a number of a user takes no trunk', async () => {
  const world = accountWorld([stored('alice@a.test', { numbers: ['+442079460123'] })], CARRIERS);
  const { code, out } = await run('trunk list +442079460123', world);
  assert.equal(code, 0);
  assert.match(out, /belongs to alice@a\.test: a call to it[^]*next: carna location alice@a\.test/);
  const { out: json } = await run('trunk list +442079460123 --json', world);
  assert.equal((JSON.parse(json) as { user: string }).user, 'alice@a.test');
});

test('list --json has every column, and for a number rank, share and what is sent', async () => {
  const world = accountWorld([], CARRIERS);
  const all = JSON.parse((await run('trunk list --json', world)).out) as { trunks: unknown[] };
  const nothing = { rank: null, share: null, sent: null };
  assert.deepEqual(all.trunks[3], { ...CARRIERS[1], ...nothing });
  const one = JSON.parse((await run('trunk list +4420794 --json', world)).out) as {
    number: string;
    maxTries: number;
    trunks: unknown[];
  };
  assert.deepEqual([one.number, one.maxTries, one.trunks.length], ['+4420794', 3, 3]);
  assert.deepEqual(one.trunks[0], { ...CARRIERS[0], rank: 1, share: 0.75, sent: '004420794' });
});

test('a removal says what becomes of the calls, asks, and does it', async () => {
  const world = accountWorld([], CARRIERS);
  const no = await run('trunk remove any', world, { columns: 200, input: 'n\n' });
  assert.deepEqual([no.code, world.trunks.size], [1, 4]);
  assert.match(no.out, /New calls to all numbers find no trunk any more and are refused/);
  // Another source stands at the same address.
  assert.doesNotMatch(no.out, /need a password/);
  const yes = await run('trunk remove uk-a', world, { columns: 200, input: 'y\n' });
  assert.match(yes.out, /New calls to \+44… take the other trunks[^]*uk-a is removed\./);
  const json = await run('trunk remove uk-b --yes --json', world);
  assert.deepEqual(JSON.parse(json.out), { schema: 1, did: 'removed', trunk: CARRIERS[1] });
  assert.deepEqual([...world.trunks.keys()], ['any', 'in']);
  const gone = await run('trunk remove uk-b --yes', world);
  assert.equal(gone.code, 1);
  assert.match(gone.err, /there is no trunk uk-b\n {2}there are: /);
});
