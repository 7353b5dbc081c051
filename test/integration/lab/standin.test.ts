import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { after, before, test } from 'node:test';
import { replay } from '../../lab/standin/esl-client.js';
import { HOST, RECORDED, startLab, type Lab } from '../../lab/standin/running.js';
import { readTranscript } from '../../lab/standin/transcript.js';

let lab: Lab;
before(async () => {
  lab = await startLab(RECORDED);
});
after(async () => {
  assert.equal(await lab.stop(), 0);
});

const adapt = (text: string): string => text.replaceAll('127.0.0.1', HOST);
const where = { host: HOST, port: 18021, adapt };

const PLAIN: readonly (readonly [name: string, skip?: RegExp])[] = [
  ['01-auth-ok'],
  ['02-auth-wrong-password'],
  ['03-command-before-auth'],
  ['04-exit-before-auth'],
  ['05-exit'],
  ['06-auth-crlf'],
  ['07-pipelined'],
  ['09-userauth-wrong'],
  ['10-api-status'],
  ['11-api-json-status'],
  ['12-api-sofia-status'],
  ['13-api-show-0-calls'],
  ['14-api-global-getvar', /^api global_getvar(?: local_ip_v4)?\n/],
  ['15-api-version-uptime'],
  ['16-api-fsctl-queries'],
  ['17-api-fsctl-set'],
  ['18-api-errors'],
  ['22-after-calls'],
  ['23-fsctl-pause'],
  ['24-bgapi'],
  ['25-bgapi-parallel'],
  ['26-status-paused-inbound'],
  ['41-nixevent-noevents'],
  ['42-sendevent-encoding'],
  ['43-log'],
  ['44-array-header'],
  ['47-partial-command'],
  ['48-long-reply-truncated'],
];

for (const [name, skip] of PLAIN) {
  test(`answers as recorded: ${name}`, async () => {
    const count = await replay(readTranscript(name), {
      ...where,
      ...(skip === undefined ? {} : { skip }),
    });
    assert.ok(count > 0);
  });
}

test('answers as recorded: 20-api-show-2-calls', async () => {
  const core = lab.standin.switch;
  const uuids = [1, 2].map(
    () =>
      core.createCall({
        channelName: `sofia/internal/sipp@${HOST}:51390`,
        callerName: 'sipp',
        callerNumber: 'sipp',
        networkAddr: HOST,
        destination: 'answer',
        application: 'playback',
        applicationData: 'tone_stream://%(500,500,440);loops=-1',
        variables: [],
      }).uuid,
  );
  for (const uuid of uuids) core.answerCall(uuid);
  assert.equal(core.shownCalls.length, 0, '`show` must lag behind');
  lab.advance(2_000); // As when it was recorded: the second in which they began is not the last one.
  const skip = /detailed_calls/;
  await replay(readTranscript('20-api-show-2-calls'), { ...where, skip });
  for (const uuid of uuids) core.endCall(uuid, 'NORMAL_CLEARING');
  assert.equal(core.shownCalls.length, 2, '`show` must lag behind');
  lab.advance(200);
  assert.equal(core.shownCalls.length, 0);
});

test('answers as recorded: 40-filter', async () => {
  const core = lab.standin.switch;
  const onNote = (text: string): void => {
    if (!/INVITE/.test(text)) return;
    const { uuid } = core.createCall({
      channelName: `sofia/internal/lab@${HOST}:34540`,
      callerName: 'lab',
      callerNumber: 'lab',
      networkAddr: HOST,
      destination: 'nosuchext',
      application: '',
      applicationData: '',
      variables: [],
    });
    core.endCall(uuid, 'NO_ROUTE_DESTINATION');
  };
  const lines = (message: string): string =>
    /\nEvent-Name: CHANNEL_/.test(message) ? coreHeaders(message) : message;
  await replay(readTranscript('40-filter'), {
    ...where,
    adapt: (m) => lines(adapt(m)),
    adaptActual: lines,
    onNote,
  });
});

/** Channel events without their variables, of which the stand-in has only some. */
function coreHeaders(message: string): string {
  return message
    .split('\n')
    .filter((line) => !/^(?:variable_|Content-Length)/.test(line))
    .map((line) => line.replace(/(-Time: )[1-9]\d+$/, '$1<time>').replace(/%3A\d+$/, '%3A<port>'))
    .join('\n');
}

for (const [name, format] of [
  ['31-call-lifecycle-json', 'json'],
  ['32-call-lifecycle-plain', 'plain'],
] as const) {
  test(`a call fires the recorded events: ${name}`, async () => {
    const strip = (message: string): string => {
      if (!/"?Event-Name"?: ?"?CHANNEL_/.test(message)) return message;
      if (format === 'plain') return coreHeaders(message);
      return message
        .replace(/Content-Length: \d+/, '')
        .replace(/,"variable_.*\}$/s, '}')
        .replace(/(-Time":")[1-9]\d+/g, '$1<time>')
        .replace(/@[\d.]+:\d+/g, '@<address>');
    };
    let hasCalled = false;
    const entries = readTranscript(name).filter(
      (e) => e.kind !== 'receive' || !/^Content[^]*HEARTBEAT/.test(e.bytes.toString()),
    );
    const core = lab.standin.switch;
    const call = (): void => {
      hasCalled = true;
      const { uuid } = core.createCall({
        channelName: `sofia/internal/sipp@${HOST}:47740`,
        callerName: 'sipp',
        callerNumber: 'sipp',
        networkAddr: HOST,
        destination: 'ring',
        application: 'park',
        applicationData: '',
        variables: [],
      });
      core.ringCall(uuid);
      core.answerCall(uuid);
      core.endCall(uuid, 'NORMAL_CLEARING');
    };
    await replay(entries, {
      ...where,
      adapt: (m) => strip(adapt(m)),
      adaptActual: strip,
      onSubscribed: call,
    });
    assert.ok(hasCalled);
  });
}

test('answers as recorded: 27-sofia-profile-stop-start', async () => {
  lab.advance(15_000);
  const onNote = (): void => undefined;
  await replay(readTranscript('27-sofia-profile-stop-start'), { ...where, onNote });
  assert.ok(lab.standin.profile.isRunning);
});

test('answers as recorded when the SIP port is taken: 28-sip-port-taken', async () => {
  const thief = createSocket('udp4');
  await new Promise<void>((resolve) => thief.bind(15070, HOST, resolve));
  const other = await startLab({ ...RECORDED, sipPort: 15070, eslPort: 18022 });
  try {
    await replay(readTranscript('28-sip-port-taken'), { ...where, port: 18022 });
  } finally {
    await other.stop();
    thief.close();
  }
});

for (const name of ['30-heartbeat-plain', '30-heartbeat-json', '30-heartbeat-xml']) {
  test(`beats as recorded: ${name}`, async () => {
    const other = await startLab({ ...RECORDED, sipPort: 15071, eslPort: 18023, heartbeatMs: 300 });
    try {
      await replay(readTranscript(name), { ...where, port: 18023 });
    } finally {
      await other.stop();
    }
  });
}

test('beats the same while paused, busy and stopping: 29-heartbeat-paused', async () => {
  const other = await startLab({ ...RECORDED, sipPort: 15072, eslPort: 18024, heartbeatMs: 300 });
  const core = other.standin.switch;
  const onNote = (text: string): void => {
    if (text.includes('paused (all)')) core.setPaused(['inbound', 'outbound'], true);
    if (text.includes('resumed')) core.setPaused(['inbound', 'outbound'], false);
    if (text.includes('shutdown asap')) core.setPaused(['inbound', 'outbound'], true);
  };
  try {
    const entries = readTranscript('29-heartbeat-paused').filter(
      (e) => !(e.kind === 'receive' && e.bytes.includes('being shut down')),
    );
    const isEnd = (text: string): boolean => text.includes('S closes');
    const open = entries.filter((e) => e.kind !== 'note' || !isEnd(e.text));
    await replay(open, { ...where, port: 18024, onNote });
  } finally {
    await other.stop();
  }
});

test('refuses an address outside its list: 51-rude-rejection', async () => {
  const seams = { isAllowed: () => false };
  const other = await startLab({ ...RECORDED, sipPort: 15073, eslPort: 18025 }, seams);
  try {
    await replay(readTranscript('51-rude-rejection'), { ...where, port: 18025 });
  } finally {
    await other.stop();
  }
});

test('says goodbye as recorded: 60-shutdown-elegant-no-calls', async () => {
  const other = await startLab({ ...RECORDED, sipPort: 15074, eslPort: 18026 });
  const entries = readTranscript('60-shutdown-elegant-no-calls');
  const count = await replay(entries, { ...where, port: 18026 });
  assert.ok(count >= 10);
  assert.equal(await other.code, 0);
});

test('goes without a word as recorded: 64-fsctl-shutdown-now-with-call', async () => {
  const other = await startLab({ ...RECORDED, sipPort: 15075, eslPort: 18027 });
  await replay(readTranscript('64-fsctl-shutdown-now-with-call'), { ...where, port: 18027 });
  assert.equal(await other.code, 0);
});
