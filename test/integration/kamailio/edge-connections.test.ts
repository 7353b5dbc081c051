import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import { certificate, register } from './edge-phone.js';
import type { Scene } from './scene.js';
import { useScenes, within } from './scene.js';
import { header, request } from './sip-peer.js';
import type { StreamPhone } from './stream-phone.js';
import { openStreamPhone, PRIVATE_HOST } from './stream-phone.js';

const { scene, opened } = useScenes();

/** Seconds without a word: longer than a call may ring, and longer than the longest registration. */
const UNCONFIRMED_S = 130;
const CONFIRMED_S = 3_700;
/** An edge takes some seconds to make a connection last. */
const PATIENCE_MS = 20_000;

/** Seconds that the edge gives each of its connections, in the order in which they came. */
async function lifetimes(s: Scene): Promise<number[]> {
  const list = await s.platform.loadBalancer.rpc('core.tcp_list');
  const all = [...list.matchAll(/\bid: (\d+)[^}]*lifetime: (\d+)/g)];
  return all.sort(([, a], [, b]) => Number(a) - Number(b)).map((match) => Number(match[2]));
}

/** A REGISTER that the registrar refuses; gives its Path. */
async function refused(s: Scene, phone: StreamPhone, callId: string): Promise<string> {
  phone.send('REGISTER', { uri: 'sip:carna.test', callId });
  const got = await s.registrars[0]?.until(new RegExp(`^REGISTER [^]*Call-ID: ${callId}\r`));
  assert.ok(got);
  s.registrars[0]?.reply(got, '403 Forbidden');
  await phone.until(/^SIP\/2.0 403 /);
  return header(got.text, 'Path')[0] ?? '';
}

/** The phone at the end of `path` is called, and takes the call. */
async function called(s: Scene, phone: StreamPhone, path: string): Promise<void> {
  const [outbound] = s.outbound;
  assert.ok(outbound);
  const uri = `sip:tester@${PRIVATE_HOST}:5060;transport=tcp`;
  const headers = [`Route: ${path}`];
  outbound.send(request('INVITE', { from: outbound, uri, callId: 'in', headers }), s.loadBalancer);
  phone.reply(await phone.until(/^INVITE /), '200 OK', [`Contact: <${uri}>`]);
  await outbound.until(/^SIP\/2.0 200 /);
}

/** A call of the first phone, and an INVITE within it of the second, as of one that changed its network. */
async function calls(s: Scene, phone: StreamPhone, moved: StreamPhone): Promise<void> {
  const [media] = s.media;
  assert.ok(media);
  const accept = async (cseq: number): Promise<void> => {
    const invite = await media.until(new RegExp(`^INVITE [^]*CSeq: ${cseq} INVITE\r`));
    media.reply(invite, '200 OK', [`Contact: <sip:media@${media.host}:${media.port}>`]);
  };
  phone.send('INVITE', { uri: 'sip:echo@carna.test', callId: 'out', cseq: 1 });
  await accept(1);
  const answer = await phone.until(/^SIP\/2.0 200 /);
  const parts = within({ text: answer, host: '', port: 0 }, 'out');
  phone.send('ACK', { ...parts, cseq: 1, branch: 'out-ack' });
  await media.until(/^ACK /);
  moved.send('INVITE', { ...parts, cseq: 2 });
  await accept(2);
  await moved.until(/^SIP\/2.0 200 /);
}

for (const transport of ['TCP', 'TLS'] as const) {
  test(`${transport}: a connection lasts when a registration or a call was good over it, and else no longer than a call rings`, async () => {
    const env = transport === 'TLS' ? await certificate() : {};
    const s = await scene({ outbound: 1, registrars: 1, env });
    const port = transport === 'TLS' ? 5061 : 5060;
    const options = { host: s.spare(0), edge: s.loadBalancer, port, transport };
    const connected = (): Promise<StreamPhone> => opened(openStreamPhone(options));
    await connected(); // says nothing
    await register(s, await connected());
    await refused(s, await connected(), 'no-user');
    const ringing = await connected();
    await called(s, ringing, await refused(s, ringing, 'not-yet'));
    await calls(s, await connected(), await connected());
    const good = [CONFIRMED_S, CONFIRMED_S, CONFIRMED_S];
    const wanted = [UNCONFIRMED_S, CONFIRMED_S, UNCONFIRMED_S, ...good];
    let found: number[] = [];
    await waitUntil('what was good lasts', PATIENCE_MS, async () => {
      found = await lifetimes(s);
      return found.filter((seconds) => seconds === CONFIRMED_S).length >= good.length + 1;
    });
    assert.deepEqual(found, wanted);
  });
}
