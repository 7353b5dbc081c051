import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import { OptionsResponder } from '../../../src/lab/options-responder.js';
import { pingOptions } from '../../../src/protocols/sip/options-ping.js';
import { LabError } from '../../../src/util/errors.js';
import { waitUntil } from '../../../src/util/wait.js';
import { loopbackNet } from '../../support/resources.js';

const NET = loopbackNet();
const LIMIT_MS = 5_000;
const address = (n: number) => ({ host: `${NET}.${n}`, port: 5060 });

async function ping(n: number): Promise<string> {
  const target = { transport: 'udp', ...address(n) };
  const clock = { random: Math.random, monoMs: () => performance.now() };
  const result = await pingOptions({ target, timeoutMs: LIMIT_MS, ...clock });
  return result.kind === 'answered' ? String(result.status) : result.kind;
}

test('every address answers OPTIONS, and none once it is closed', async () => {
  const responder = await OptionsResponder.open([address(1), address(2)]);
  assert.deepEqual([await ping(1), await ping(2)], ['200', '200']);
  assert.equal(responder.others, 0);
  await responder.close();
  assert.deepEqual([await ping(1), await ping(2)], ['silent', 'silent']);
});

test('a call that goes astray is refused and counted', async () => {
  const responder = await OptionsResponder.open([address(3)]);
  const caller = createSocket('udp4');
  try {
    let answer = '';
    caller.on('message', (bytes) => (answer = bytes.toString('latin1')));
    const invite = [
      `INVITE sip:1@${address(3).host} SIP/2.0`,
      `Via: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK1`,
      ...['From: <sip:a@h>;tag=1', 'To: <sip:b@h>', 'Call-ID: stray', 'CSeq: 1 INVITE', '', ''],
    ];
    caller.send(invite.join('\r\n'), address(3).port, address(3).host);
    await waitUntil('the refusal', LIMIT_MS, () => Promise.resolve(answer !== ''), 10);
    assert.match(answer, /^SIP\/2\.0 503 /);
    assert.equal(responder.others, 1);
  } finally {
    caller.close();
    await responder.close();
  }
});

test('an address that is taken is an error, and those bound before are free again', async () => {
  const first = await OptionsResponder.open([address(5)]);
  await assert.rejects(OptionsResponder.open([address(4), address(5)]), LabError);
  await first.close();
  const again = await OptionsResponder.open([address(4), address(5)]);
  assert.equal(await ping(4), '200');
  await again.close();
});
