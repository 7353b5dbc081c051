import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { digestResponse, parseChallenge } from '../../src/lab/phones/digest.js';
import type { SipEndpoint } from '../../src/lab/phones/endpoint.js';
import { newToken, openEndpoint } from '../../src/lab/phones/endpoint.js';
import type { OutRequest } from '../../src/lab/phones/request.js';
import { audioSdp } from '../../src/lab/phones/request.js';
import { openTrunk } from '../../src/lab/phones/trunk-peer.js';
import { headerOf } from '../../src/lab/standin/sip-message.js';
import { wait } from '../../src/util/wait.js';
import { testDir } from '../support/resources.js';
import { Carna } from './carna.js';

/** What an outsider may not do, each answered as documented, while others are served; on a lab of its own. */
const runDir = join(testDir('telephony-security'), 'lab');
const carna = new Carna(runDir);
const NET = `127.${170 + (process.pid % 10) * 2}`;
const EDGE = { host: `${NET}.10.1`, port: 5060 };
const DOMAIN = 'carna.test';
const LIMIT_MS = 8_000;
const FLOOD = 1_000;
let phone: SipEndpoint;
let password = '';

before(async () => {
  await carna.run('lab', 'up', '--net', NET, '--media', '2');
  password = readFileSync((await carna.status()).users.passwordFile, 'utf8').trim();
  phone = await openEndpoint({ host: `${NET}.61.1`, port: 5060 });
});

after(async () => {
  await phone?.close();
  await carna.run('lab', 'down');
});

interface Ask {
  readonly method: 'REGISTER' | 'INVITE';
  readonly user: string;
  readonly callId: string;
  readonly cseq: number;
  readonly headers?: OutRequest['headers'];
  readonly routes?: readonly string[];
}

function requestOf({ method, user, callId, cseq, headers = [], routes = [] }: Ask): OutRequest {
  const { host, port } = phone.address;
  const uri = method === 'REGISTER' ? `sip:${DOMAIN}` : `sip:phone-2@${DOMAIN}`;
  const text = audioSdp(host, 1, 'sendrecv');
  return {
    method,
    uri,
    from: `<sip:${user}@${DOMAIN}>;tag=${newToken()}`,
    to: method === 'REGISTER' ? `<sip:${user}@${DOMAIN}>` : `<${uri}>`,
    callId,
    cseq,
    routes,
    headers: [['Contact', `<sip:${user}@${host}:${port}>`], ...headers],
    ...(method === 'INVITE' ? { body: { type: 'application/sdp', text } } : {}),
  };
}

async function ask(parts: Ask): Promise<{ readonly status: number; readonly challenge: string }> {
  const answer = await phone.request(requestOf(parts), EDGE, { timeoutMs: LIMIT_MS }).final;
  assert.ok(answer !== null, `${parts.method} of ${parts.user} was not answered`);
  const name = answer.status === 407 ? 'proxy-authenticate' : 'www-authenticate';
  return { status: answer.status, challenge: headerOf(answer, name) };
}

function credentials(challenge: string, ask: Ask, secret: string): readonly [string, string] {
  const uri = ask.method === 'REGISTER' ? `sip:${DOMAIN}` : `sip:phone-2@${DOMAIN}`;
  const parts = { user: ask.user, password: secret, method: ask.method, uri };
  const value = digestResponse(parseChallenge(challenge), {
    ...parts,
    ...{ cnonce: newToken(), count: 1 },
  });
  return [ask.method === 'REGISTER' ? 'Authorization' : 'Proxy-Authorization', value];
}

/** The final status of a request with credentials that this password makes. */
async function statusWith(
  method: Ask['method'],
  user: string,
  secret: string,
): Promise<readonly [first: number, second: number]> {
  const one: Ask = { method, user, callId: newToken(), cseq: 1 };
  const { status, challenge } = await ask(one);
  const headers = [credentials(challenge, one, secret)];
  return [status, (await ask({ ...one, cseq: 2, headers })).status];
}

test('a wrong password and an unknown user get the same answer, to REGISTER and to INVITE', async () => {
  for (const user of ['phone-1', 'nobody-here']) {
    assert.deepEqual(await statusWith('REGISTER', user, 'wrong'), [401, 403], user);
    assert.deepEqual(await statusWith('INVITE', user, 'wrong'), [407, 403], user);
  }
  assert.deepEqual(await statusWith('REGISTER', 'phone-1', password), [401, 200]);
});

test('credentials that were used are not good again', async () => {
  const one: Ask = { method: 'REGISTER', user: 'phone-1', callId: newToken(), cseq: 1 };
  const headers = [credentials((await ask(one)).challenge, one, password)];
  assert.equal((await ask({ ...one, cseq: 2, headers })).status, 200);
  const replayed = await ask({ ...one, cseq: 3, headers });
  assert.equal(replayed.status, 401);
  assert.match(replayed.challenge, /stale=true/i);
});

test('who says inside words from outside is asked for a password like anybody else', async () => {
  const headers = [
    ['X-Carna-Src', `${NET}.2.1:5060`],
    ['X-Carna-User', `phone-1@${DOMAIN}`],
    ['X-Carna-Node', 'lb-1'],
    ['X-Carna-Call', newToken()],
  ] as const;
  const spoofed = { user: 'phone-1', callId: newToken(), cseq: 1, headers };
  assert.equal((await ask({ ...spoofed, method: 'INVITE' })).status, 407);
});

test('a pre-loaded Route relays nothing', async () => {
  const victim = await openTrunk({ host: `${NET}.70.9`, port: 5060 }, { status: 200 });
  try {
    for (const routes of [
      [`<sip:${NET}.10.1;lr>`, `<sip:${NET}.70.9:5060;lr>`],
      [`<sip:${NET}.70.9:5060;lr>`],
    ]) {
      const relay: Ask = { method: 'INVITE', user: 'phone-1', callId: newToken(), cseq: 1, routes };
      assert.equal((await ask(relay)).status, 403, routes.join());
    }
    assert.deepEqual(victim.called, []);
  } finally {
    await victim.close();
  }
});

test('1,000 REGISTERs in a second from one address: it is banned, others register and call', async () => {
  const flooder = await openEndpoint({ host: `${NET}.61.2`, port: 5060 });
  let answered = 0;
  try {
    const asked = Array.from({ length: FLOOD }, async (_, n) => {
      await wait(n);
      const one: Ask = { method: 'REGISTER', user: `flood-${n}`, callId: newToken(), cseq: 1 };
      // An ACK-less method that is sent once: its own retransmissions would only add to the flood.
      const sent = flooder.request(requestOf(one), EDGE, { timeoutMs: 400 });
      if ((await sent.final) !== null) answered++;
    });
    const meanwhile = carna.json<{ sent: number; completed: number }>(
      ...['lab', 'call', '--users', '--calls', '10', '--length', '300'],
    );
    await Promise.all(asked);
    const { sent, completed } = await meanwhile;
    assert.deepEqual([sent, completed], [10, 10]);
    assert.ok(answered < FLOOD / 2, `${answered} of ${FLOOD} were answered`);
    const late: Ask = { method: 'REGISTER', user: 'phone-1', callId: newToken(), cseq: 1 };
    const banned = flooder.request(requestOf(late), EDGE, { timeoutMs: 600 });
    assert.equal(await banned.final, null);
    assert.deepEqual(await statusWith('REGISTER', 'phone-1', password), [401, 200]);
  } finally {
    await flooder.close();
  }
});
