import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, test } from 'node:test';
import type { CallOptions } from '../../../src/lab/calls/calls.js';
import { MAX_CALLS, sippBinary, startCalls } from '../../../src/lab/calls/calls.js';
import type { CallReport } from '../../../src/lab/calls/report.js';
import { identityOf, isAlive } from '../../../src/lab/parts/daemon.js';
import { LabError, MissingPartError } from '../../../src/util/errors.js';
import { waitUntil } from '../../../src/util/wait.js';
import { loopbackNet, testDir } from '../../support/resources.js';
import type { SipPeer } from './sip-peer.js';
import { openPeer, replyText } from './sip-peer.js';

const NET = loopbackNet();
const CALLEE = `${NET}.2`;

let callee: SipPeer | null = null;
afterEach(async () => {
  await callee?.close();
  callee = null;
});

function options(partial: Partial<CallOptions> = {}): CallOptions {
  return {
    target: { host: CALLEE, port: 5060 },
    localHost: `${NET}.1`,
    rate: 10,
    amount: { calls: 1 },
    callMs: 50,
    runDir: testDir('caller'),
    env: process.env,
    answerTimeoutMs: 600,
    byeTimeoutMs: 400,
    ...partial,
  };
}

/** One call to a callee that does what `script` says. */
async function callOnce(script: (peer: SipPeer) => Promise<void>): Promise<CallReport> {
  const peer = await openPeer(CALLEE);
  callee = peer;
  const [report] = await Promise.all([startCalls(options()).result, script(peer)]);
  return report;
}

async function answer(peer: SipPeer): Promise<void> {
  peer.reply(await peer.until(/^INVITE /), '200 OK', [
    `Contact: <sip:callee@${CALLEE}:5060>`,
    'Record-Route: <sip:127.0.0.1:5999;lr>', // Where nobody listens: what follows would go there.
    `Record-Route: <sip:${CALLEE}:5060;lr>`,
  ]);
  await peer.until(/^ACK /);
}

test('in-dialog requests follow the recorded route, last proxy first', async () => {
  const report = await callOnce(async (peer) => {
    await answer(peer);
    const bye = await peer.until(/^BYE /);
    assert.match(bye.text, new RegExp(`^BYE sip:callee@${CALLEE}:5060 `));
    assert.match(bye.text, /\r\nTo: [^\r]*;tag=peer\r/);
    const routes = [...bye.text.matchAll(/<sip:([^;>]+);lr>/g)].map(([, hostPort]) => hostPort);
    assert.deepEqual(routes, [`${CALLEE}:5060`, '127.0.0.1:5999']);
    peer.reply(bye, '200 OK');
  });
  assert.equal(report.completed, 1);
  assert.deepEqual(report.nodes, [{ node: `${CALLEE}:5060`, answered: 1, failed: 0 }]);
});

// Two workers of one proxy send on what they read, in whichever order they come to it.
test('a ringing that comes after the answer ends no call', async () => {
  const report = await callOnce(async (peer) => {
    await answer(peer);
    const [invite] = peer.received;
    assert.ok(invite);
    peer.reply(invite, '180 Ringing');
    peer.reply(invite, '100 Trying');
    const bye = await peer.until(/^BYE /);
    peer.reply(invite, '183 Session Progress');
    peer.reply(bye, '200 OK');
  });
  assert.equal(report.completed, 1, JSON.stringify(report.failed));
});

test('a second answer, of another server, leaves the call where it stands', async () => {
  const report = await callOnce(async (peer) => {
    await answer(peer);
    const [invite] = peer.received;
    assert.ok(invite);
    const other = replyText(invite.text, '200 OK', ['Contact: <sip:other@127.0.0.1:5998>']);
    peer.send(other.replace(';tag=peer', ';tag=other'), invite.host, invite.port);
    const bye = await peer.until(/^BYE /);
    assert.match(bye.text, /\r\nTo: [^\r]*;tag=peer\r/);
    peer.reply(bye, '200 OK');
  });
  assert.equal(report.completed, 1, JSON.stringify(report.failed));
  assert.equal(report.nodes[0]?.node, `${CALLEE}:5060`);
});

test('a callee that rings for ever is cancelled and counted as unanswered', async () => {
  const report = await callOnce(async (peer) => {
    const invite = await peer.until(/^INVITE /);
    peer.reply(invite, '180 Ringing');
    const cancel = await peer.until(/^CANCEL /);
    peer.reply(cancel, '200 OK');
    peer.reply(invite, '487 Request Terminated');
    await peer.until(/^ACK /);
  });
  assert.equal(report.unanswered, 1, JSON.stringify(report.failed));
});

for (const status of ['486 Busy Here', '503 Service Unavailable', '603 Decline']) {
  test(`a refusal with ${status} is acknowledged in the same transaction and counted`, async () => {
    const report = await callOnce(async (peer) => {
      const invite = await peer.until(/^INVITE /);
      peer.reply(invite, status);
      const ack = await peer.until(/^ACK /);
      assert.equal(branch(ack.text), branch(invite.text));
    });
    assert.deepEqual(
      report.failed.map((call) => call.why),
      [`answered ${status.slice(0, 3)}`],
    );
  });
}

test('a BYE that meets 481 or silence is a lost call, on the node where it stood', async () => {
  const refused = await callOnce(async (peer) => {
    await answer(peer);
    peer.reply(await peer.until(/^BYE /), '481 Unknown');
  });
  await callee?.close();
  const silent = await callOnce(answer);
  for (const [report, why] of [
    [refused, 'BYE answered 481'],
    [silent, 'no answer to BYE'],
  ] as const) {
    assert.equal(report.lost, 1);
    assert.deepEqual(
      report.failed.map((c) => [c.node, c.why]),
      [[`${CALLEE}:5060`, why]],
    );
  }
});

test('a callee that hangs up first ends that call, not the run', async () => {
  const peer = await openPeer(CALLEE);
  callee = peer;
  const run = startCalls(options({ amount: { calls: 2 }, callMs: 1_500 }));
  const invite = await peer.until(/^INVITE /);
  const contact = [`Contact: <sip:callee@${CALLEE}:5060>`];
  peer.reply(invite, '200 OK', contact);
  await peer.until(/^ACK /);
  const [, callId = ''] = /Call-ID: (\S+)/.exec(invite.text) ?? [];
  peer.send(
    `BYE sip:caller@${invite.host}:${invite.port} SIP/2.0\r\nVia: SIP/2.0/UDP ${CALLEE}:5060;branch=z9hG4bK-bye\r\nFrom: <sip:load@${CALLEE}:5060>;tag=peer\r\nTo: ${/From: (.*)/.exec(invite.text)?.[1]}\r\nCall-ID: ${callId}\r\nCSeq: 1 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n`,
    invite.host,
    invite.port,
  );
  const second = await peer.until(new RegExp(`^INVITE (?![^]*${callId.replaceAll('.', '\\.')})`));
  peer.reply(second, '200 OK', contact);
  const bye = await peer.until(/^BYE /);
  peer.reply(bye, '200 OK');
  const report = await run.result;
  assert.equal(report.sent, 2);
  assert.equal(report.completed, 1, JSON.stringify(report.calls));
  assert.match(report.failed[0]?.why ?? '', /given up by the caller: unexpected BYE/);
});

test('a caller that cannot run is an error with its own words', async () => {
  const run = startCalls(options({ localHost: '203.0.113.1' }));
  await assert.rejects(
    run.result,
    (err) => err instanceof LabError && /sipp ended with/.test(err.message),
  );
});

test('a caller that crashed is an error: what it would have told of its calls is not known', async () => {
  const run = startCalls(options());
  const peer = await openPeer(CALLEE);
  callee = peer;
  await peer.until(/^INVITE /);
  assert.ok(run.pid);
  process.kill(run.pid, 'SIGABRT');
  await assert.rejects(run.result, /sipp ended with SIGABRT/);
});

test('sipp is found where the environment says, or its absence is named with the remedy', () => {
  assert.throws(() => sippBinary({ CARNA_SIPP: '/nowhere/sipp' }), MissingPartError);
  assert.throws(() => sippBinary({ PATH: '/nowhere' }), /sip-tester/);
  assert.equal(sippBinary({ CARNA_SIPP: process.execPath }), process.execPath);
});

test('an amount without bounds is refused', () => {
  for (const amount of [{ calls: 0 }, { calls: MAX_CALLS + 1 }, { seconds: Number.NaN }]) {
    assert.throws(() => startCalls(options({ amount })), RangeError);
  }
  assert.throws(() => startCalls(options({ rate: 0 })), RangeError);
});

test('sipp dies with the process that started it, even by SIGKILL', async () => {
  const module = new URL('../../../src/lab/calls/calls.js', import.meta.url).href;
  const forLong = { ...options(), amount: { seconds: 100 }, env: undefined };
  const script =
    `const { startCalls } = await import(${JSON.stringify(module)});` +
    `const run = startCalls({ ...${JSON.stringify(forLong)}, env: process.env });` +
    'console.log(run.pid); await run.result;';
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const sipp = identityOf(Number(line.toString()));
  assert.ok(sipp);
  const peer = await openPeer(CALLEE);
  callee = peer;
  await peer.until(/^INVITE /); // By now setpriv has become sipp.
  parent.kill('SIGKILL');
  await waitUntil('sipp is gone', 5_000, () => !isAlive(sipp));
});

test('stopping a run again after its end does nothing', async () => {
  const run = startCalls(options());
  run.stop();
  await run.result;
  run.stop();
  assert.equal(run.pid === null ? null : identityOf(run.pid), null);
});

function branch(text: string): string | undefined {
  return /branch=([^;\r]+)/.exec(text)?.[1];
}
