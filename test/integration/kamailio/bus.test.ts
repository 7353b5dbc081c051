import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DMQ_PORT } from './registrations.js';
import { RegisteredUsers } from './registered-users.js';
import { status } from './phones.js';

const UPDATE = 1;
const REMOVE = 2;

let users: RegisteredUsers;

before(async () => {
  users = await RegisteredUsers.start(1);
});
after(async () => {
  await users.platform.stop();
});

/** What a peer tells of a contact, under a Call-ID. */
function said(host: string, callId: string, user: string, action: number): string {
  const body = JSON.stringify({
    action,
    aor: `${user}@carna.test`,
    ruid: `ruid-${user}`,
    c: `sip:${user}@10.9.9.9:5060`,
    received: '',
    path: '',
    callid: `reg-${user}`,
    user_agent: 'phone',
    instance: '',
    expires: Math.floor(Date.now() / 1_000) + 600,
    cseq: 1,
    flags: 0,
    cflags: 0,
    q: 1_000,
    last_modified: Math.floor(Date.now() / 1_000),
    methods: 0,
    reg_id: 0,
    server_id: 0,
  });
  const self = `${users.platform.net}.20`;
  const lines = [
    `KDMQ sip:usrloc@${host}:${DMQ_PORT} SIP/2.0`,
    `Via: SIP/2.0/UDP ${self}:5060;branch=z9hG4bK-${callId}`,
    `From: <sip:usrloc@${self}:5060>;tag=${callId}`,
    `To: <sip:usrloc@${host}:${DMQ_PORT}>`,
    `Call-ID: ${callId}`,
    'CSeq: 10 KDMQ',
    'Max-Forwards: 1',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ];
  return [...lines, '', body].join('\r\n');
}

/** Says it as a peer does; the status of the answer. */
async function tell(host: string, callId: string, user: string, action: number): Promise<number> {
  const text = said(host, callId, user, action);
  return status(await users.platform.dispatcher.request(text, host, DMQ_PORT));
}

for (const role of ['registrars', 'outbounds'] as const) {
  test(`${role}: what a peer repeats is answered and not applied once more`, async () => {
    const [node] = users.platform[role];
    const id = `${role}-said`;
    const knows = (user: string, wanted: boolean): Promise<void> =>
      users.untilIs(`${node.host} knows ${user}`, wanted, () => users.knows(node, user));
    assert.equal(await tell(node.host, id, 'ann', UPDATE), 200);
    await knows('ann', true);
    assert.equal(await tell(node.host, `${id}-off`, 'ann', REMOVE), 200);
    await knows('ann', false);
    assert.equal(await tell(node.host, id, 'ann', UPDATE), 200);
    // Applied after what was said before it.
    assert.equal(await tell(node.host, `${id}-other`, 'bob', UPDATE), 200);
    await knows('bob', true);
    assert.equal(await users.knows(node, 'ann'), false);
    assert.equal(await tell(node.host, `${id}-anew`, 'ann', UPDATE), 200);
    await knows('ann', true);
  });
}

test('what a proxy passes on, and what belongs to a dialog, is no word of a peer', async () => {
  const { registrars, dispatcher, net } = users.platform;
  const [{ host }] = registrars;
  const far = 'Via: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bK-far';
  const passed = said(host, 'passed', 'eve', UPDATE).replace('\r\nFrom:', `\r\n${far}\r\nFrom:`);
  const tagged = said(host, 'tagged', 'eve', UPDATE).replace(/(\r\nTo: .*)/, '$1;tag=any');
  for (const text of [passed, tagged]) dispatcher.send(text, host, DMQ_PORT);
  // Applied after whatever came before it.
  assert.equal(await tell(host, 'after', 'dan', UPDATE), 200);
  await users.untilIs(`${net}: dan is known`, true, () => users.knows(registrars[0], 'dan'));
  assert.equal(await users.knows(registrars[0], 'eve'), false);
});

test('what peers noted for the database is written as text and numbers, never run', async () => {
  const [node] = users.platform.registrars;
  assert.equal(await users.register(node, { user: 'u1' }), 200);
  const contact = 'sip:u1@10.9.9.9:5060';
  const forget = "carna.forget_contact(false, E'u1@carna.test', 'x'";
  const notes = [
    ['number', `peer|1|0, 1), ${forget}, E'${contact}', E'', 0||eve@carna.test|sip:eve@10.9.9.9`],
    [`name', E'', E'', 0, 1), ${forget.slice(0, -1)}`, `peer|1|0||eve@carna.test|${contact}`],
  ] as const;
  for (const [ruid, note] of notes) {
    await node.rpc('htable.sets', 'unwritten', ruid, note);
    await users.untilIs('the note stands', false, async () =>
      (await node.rpc('htable.dump', 'unwritten')).includes('peer|1|'),
    );
    assert.equal(await users.rows("username = 'u1'"), 1, note);
  }
});
