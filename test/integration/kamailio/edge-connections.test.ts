import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certificate, register } from './edge-phone.js';
import type { Scene } from './scene.js';
import { useScenes, within } from './scene.js';
import type { StreamPhone } from './stream-phone.js';
import { openStreamPhone } from './stream-phone.js';

const { scene, opened } = useScenes();

/** Longer than the longest registration: seconds that a connection may say nothing. */
const LASTING_S = 3_700;

/** Seconds that the edge gives each of its connections, by the address at their far end. */
async function lifetimes(s: Scene): Promise<ReadonlyMap<string, number>> {
  const list = await s.platform.loadBalancer.rpc('core.tcp_list');
  const all = [...list.matchAll(/lifetime: (\d+)[^}]*src_ip: (\S+)/g)];
  return new Map(all.map(([, seconds, host]) => [host ?? '', Number(seconds)]));
}

for (const transport of ['TCP', 'TLS'] as const) {
  const start = async (): Promise<Scene> =>
    scene({ registrars: 1, env: transport === 'TLS' ? await certificate() : {} });
  const connected = (s: Scene, host: string): Promise<StreamPhone> =>
    opened(
      openStreamPhone({
        host,
        edge: s.loadBalancer,
        port: transport === 'TLS' ? 5061 : 5060,
        transport,
      }),
    );

  test(`${transport}: who registered or calls keeps its connection longer than any registration`, async () => {
    const s = await start();
    const [media] = s.media;
    assert.ok(media);
    await register(s, await connected(s, s.spare(0)));
    assert.equal((await lifetimes(s)).get(s.spare(0)), LASTING_S);

    const caller = await connected(s, s.spare(1));
    caller.send('INVITE', { uri: 'sip:echo@carna.test', callId: 'out' });
    const invite = await media.until(/^INVITE /);
    media.reply(invite, '200 OK', [`Contact: <sip:media@${media.host}:${media.port}>`]);
    const answer = await caller.until(/^SIP\/2.0 200 /);
    const parts = within({ text: answer, host: '', port: 0 }, 'out');
    caller.send('ACK', { ...parts, cseq: 1, branch: 'out-ack' });
    await media.until(/^ACK /);
    assert.equal((await lifetimes(s)).get(s.spare(1)), LASTING_S);
  });
}
