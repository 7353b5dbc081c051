import assert from 'node:assert/strict';
import type { Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import type { KdmqMessage } from '../../../src/protocols/sip/kdmq.js';
import {
  activeMembers,
  buildKdmq,
  notification,
  parseBusAddress,
  sendKdmq,
  syncRequest,
} from '../../../src/protocols/sip/kdmq.js';
import { InvalidInputError } from '../../../src/util/errors.js';

const REQUEST = {
  targetHost: '10.0.0.2',
  targetPort: 5061,
  localHost: '10.0.0.1',
  localPort: 40_000,
  branchToken: 'b1',
  fromTag: 't1',
  callId: 'c1',
  cseq: 7,
};
const SELF = 'sip:10.0.0.1:5061';

test('a notification names members, each line ended, not to be passed on', () => {
  const message = notification(SELF, ['sip:10.0.0.3:5061', 'sip:[fd00::1]:5061']);
  assert.equal(
    buildKdmq(message, REQUEST),
    [
      'KDMQ sip:notification_peer@10.0.0.2:5061 SIP/2.0',
      'Via: SIP/2.0/UDP 10.0.0.1:40000;branch=z9hG4bKb1;rport',
      'Max-Forwards: 1',
      'From: <sip:notification_peer@10.0.0.1:5061>;tag=t1',
      'To: <sip:notification_peer@10.0.0.2:5061>',
      'Call-ID: c1@10.0.0.1',
      'CSeq: 7 KDMQ',
      'Content-Type: text/plain',
      'Content-Length: 67',
      '',
      'sip:10.0.0.3:5061;status=active',
      'sip:[fd00::1]:5061;status=active',
      '',
    ].join('\r\n'),
  );
});

test('a request to sync speaks for the member that wants the contacts', () => {
  const text = buildKdmq(syncRequest(SELF), REQUEST);
  assert.match(text, /^KDMQ sip:usrloc@10.0.0.2:5061 SIP/);
  assert.match(text, /\r\nFrom: <sip:usrloc@10\.0\.0\.1:5061>;tag=t1\r\n/);
  assert.match(text, /Content-Length: 12\r\n\r\n\{"action":3\}$/);
});

test('a name never reaches Kamailio: one that cannot be resolved would stop its bus for good', () => {
  for (const bad of ['sip:reg.example.net:5061', 'sip:10.0.0.1', 'sip:10.0.0.1:5061\r\nX: y', '']) {
    assert.throws(() => notification(SELF, [bad]), InvalidInputError, bad);
    assert.throws(() => parseBusAddress(bad), InvalidInputError, bad);
    assert.throws(() => buildKdmq(syncRequest(bad), REQUEST), InvalidInputError, bad);
  }
  assert.deepEqual(parseBusAddress('sip:[::1]:5061'), { host: '::1', port: 5061 });
});

test('the active members of an answer', () => {
  const body =
    'sip:10.0.0.2:5061;status=active\r\nsip:10.0.0.3:5061;status=disabled\r\n' +
    'sip:10.0.0.4:5061;transport=tcp;status=active\r\nnonsense\r\n';
  assert.deepEqual(activeMembers(body), ['sip:10.0.0.2:5061', 'sip:10.0.0.4:5061']);
  assert.deepEqual(activeMembers(''), []);
});

test('an answer is taken with its body, silence and a refused port are told apart', async () => {
  const member = await openMember((text) => answer(text, '200 OK', `${SELF};status=active\r\n`));
  const to = `sip:127.0.0.1:${member.address().port}`;
  const result = await send(to, notification(SELF, []));
  assert.equal(result.kind === 'answered' && result.response.status, 200);
  assert.deepEqual(result.kind === 'answered' && activeMembers(result.body), [SELF]);
  member.close();
  const refused = await send(to, notification(SELF, []));
  assert.equal(refused.kind === 'silent' && refused.isRefused, true);
});

test('a request to sync is sent once, a notification is repeated', async () => {
  const got: string[] = [];
  const member = await openMember((text) => {
    got.push(text.slice(0, text.indexOf('@')));
    return null;
  });
  const to = `sip:127.0.0.1:${member.address().port}`;
  await Promise.all([send(to, syncRequest(SELF), 700), send(to, notification(SELF, []), 700)]);
  member.close();
  assert.deepEqual(got.sort(), [
    'KDMQ sip:notification_peer',
    'KDMQ sip:notification_peer',
    'KDMQ sip:usrloc',
  ]);
});

test('an address that is not ours to send from is left to the system', async () => {
  const member = await openMember((text) => answer(text, '200 OK', ''));
  const to = `sip:127.0.0.1:${member.address().port}`;
  const options = { localHost: '192.0.2.77', timeoutMs: 2_000, random: Math.random, monoMs };
  assert.equal((await sendKdmq(to, notification(SELF, []), options)).kind, 'answered');
  member.close();
});

const monoMs = (): number => performance.now();

function send(to: string, message: KdmqMessage, timeoutMs = 2_000) {
  return sendKdmq(to, message, { localHost: '127.0.0.1', timeoutMs, random: Math.random, monoMs });
}

/** A member of the bus that answers what `reply` says. */
async function openMember(reply: (text: string) => string | null): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (bytes, from) => {
    const text = reply(bytes.toString());
    if (text !== null) socket.send(text, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return socket;
}

function answer(request: string, status: string, body: string): string {
  const kept = request.split('\r\n').filter((line) => /^(Via|From|To|Call-ID|CSeq):/.test(line));
  return [`SIP/2.0 ${status}`, ...kept, `Content-Length: ${body.length}`, '', body].join('\r\n');
}
