import assert from 'node:assert/strict';
import { after, afterEach, before } from 'node:test';
import { loopbackNet } from '../../support/resources.js';
import type { Database, Platform, PlatformOptions } from './platform.js';
import { startDatabase, startPlatform } from './platform.js';
import type { Received, RequestParts, SipPeer } from './sip-peer.js';
import { header, openPeer, request } from './sip-peer.js';

/** Longer than any test: a dead node is found by the call itself, not by a ping before it. */
const NO_PINGS_S = 3_600;
/** Of twenty addresses each; those from 240 on are free for single peers. */
const SLOTS = 12;

/** A platform with a caller outside and peers in the place of its inner nodes. */
export interface Scene {
  readonly platform: Platform;
  readonly caller: SipPeer;
  readonly media: readonly SipPeer[];
  /** In the place of dispatchers, beside the real ones. */
  readonly dispatcherPeers: readonly SipPeer[];
  /** In the place of outbound nodes. */
  readonly outbound: readonly SipPeer[];
  /** In the place of registrars. */
  readonly registrars: readonly SipPeer[];
  readonly loadBalancer: string;
  /** An address of this scene that nothing else uses: 0 or 1. */
  spare(index: number): string;
  /** Sends a request of the caller to the load-balancer. */
  call(method: string, parts: Partial<RequestParts> & { readonly callId: string }): void;
}

export interface SceneOptions extends Partial<
  Pick<PlatformOptions, 'deadDispatchers' | 'pingInterval' | 'env' | 'mediaAttrs'>
> {
  readonly dispatchers?: number;
  readonly media?: number;
  /** Media addresses in the table that nobody serves. */
  readonly deadMedia?: number;
  readonly unreachableMedia?: readonly string[];
  readonly dispatcherPeers?: number;
  readonly outbound?: number;
  readonly registrars?: number;
}

export interface Closable {
  close(): Promise<void>;
}

export interface Scenes {
  /** A fresh platform on addresses of its own, closed after the test. */
  readonly scene: (options?: SceneOptions) => Promise<Scene>;
  /** Waits for a resource and closes it after the test. */
  readonly opened: <T extends Closable>(opening: Promise<T>) => Promise<T>;
  readonly net: string;
  /** Puts a row into the table of the newest scene. */
  readonly addRow: (setid: number, host: string) => Promise<void>;
}

/** Scenes over one database, for the tests of one file; registers the hooks that open and close them. */
export function useScenes(): Scenes {
  const net = loopbackNet();
  let database: Database | null = null;
  let open: Closable[] = [];
  let count = 0;
  before(async () => {
    database = await startDatabase();
  });
  after(async () => database?.stop());
  afterEach(async () => {
    for (const resource of open.reverse()) await resource.close();
    open = [];
  });
  const opened = async <T extends Closable>(opening: Promise<T>): Promise<T> => {
    const resource = await opening;
    open.push(resource);
    return resource;
  };
  const scene = async (options: SceneOptions = {}): Promise<Scene> => {
    assert.ok(database);
    const first = (count++ % SLOTS) * 20; // Scenes end with their test, so addresses can be used again.
    return openScene({ database, name: `scene${count}`, net, first, opened }, options);
  };
  const addRow = async (setid: number, host: string): Promise<void> => {
    await database?.sql(
      'insert into dispatcher (setid, destination, flags, description) ' +
        `values (${setid}, 'sip:${host}:5060', 8, 'carna:scene${count}')`,
    );
  };
  return { scene, opened, net, addRow };
}

interface Place {
  readonly database: Database;
  readonly name: string;
  readonly net: string;
  readonly first: number;
  readonly opened: Scenes['opened'];
}

async function openScene(place: Place, options: SceneOptions): Promise<Scene> {
  const address = (index: number): string => `${place.net}.${place.first + index}`;
  const addresses = (from: number, count: number): string[] =>
    Array.from({ length: count }, (_, i) => address(from + i));
  const peers = async (from: number, count: number): Promise<SipPeer[]> => {
    const made: SipPeer[] = [];
    for (const host of addresses(from, count)) made.push(await place.opened(openPeer(host)));
    return made;
  };
  const [caller] = await peers(1, 1);
  assert.ok(caller);
  const media = await peers(10, options.media ?? 1);
  const dispatcherPeers = await peers(5, options.dispatcherPeers ?? 0);
  const outbound = await peers(6, options.outbound ?? 0);
  const registrars = await peers(8, options.registrars ?? 0);
  const loadBalancer = address(2);
  const hosts = (of: readonly SipPeer[]): string[] => of.map((peer) => peer.host);
  const platform = await startPlatform({
    database: place.database,
    name: place.name,
    loadBalancer,
    dispatchers: addresses(3, options.dispatchers ?? 1),
    media: [
      ...hosts(media),
      ...addresses(15, options.deadMedia ?? 0),
      ...(options.unreachableMedia ?? []),
    ],
    outbound: hosts(outbound),
    registrars: hosts(registrars),
    mediaAttrs: options.mediaAttrs ?? [],
    env: options.env ?? {},
    deadDispatchers: [...(options.deadDispatchers ?? []), ...hosts(dispatcherPeers)],
    pingInterval: options.pingInterval ?? NO_PINGS_S,
  });
  await place.opened(Promise.resolve({ close: () => platform.stop() }));
  const call: Scene['call'] = (method, parts) =>
    caller.send(
      request(method, { from: caller, uri: `sip:somebody@${loadBalancer}`, ...parts }),
      loadBalancer,
    );
  const spare = (index: number): string => address(18 + index);
  const inside = { media, dispatcherPeers, outbound, registrars };
  return { platform, caller, ...inside, loadBalancer, spare, call };
}

/** Lets the media node answer the caller's call with 200 and gives what the caller needs to go on. */
export async function establish(
  s: Scene,
  callId: string,
): Promise<{ readonly invite: Received; readonly answer: Received }> {
  const [media] = s.media;
  assert.ok(media);
  s.call('INVITE', { callId });
  const invite = await media.until(new RegExp(`^INVITE [^]*Call-ID: ${callId}\r`));
  media.reply(invite, '200 OK', [`Contact: <sip:media@${media.host}:${media.port}>`]);
  const answer = await s.caller.until(new RegExp(`^SIP/2.0 200 [^]*Call-ID: ${callId}\r`));
  return { invite, answer };
}

/** What a caller sends within the dialog: to the Contact, along the Record-Route. */
export function within(answer: Received, callId: string): Omit<RequestParts, 'from'> {
  const routes = header(answer.text, 'Record-Route').reverse();
  return {
    uri: contactUri(answer.text),
    callId,
    toTag: /;tag=(.+)/.exec(header(answer.text, 'To')[0] ?? '')?.[1] ?? '',
    cseq: 2,
    headers: routes.map((route) => `Route: ${route}`),
  };
}

/** The address in the Contact of a message. */
export function contactUri(text: string): string {
  return /<([^>]+)>/.exec(header(text, 'Contact')[0] ?? '')?.[1] ?? '';
}

/** The called side hangs up: the tags change places, the route is that of the INVITE. */
export function byeOfCallee(from: RequestParts['from'], invite: string): string {
  return request('BYE', {
    from,
    uri: contactUri(invite),
    callId: header(invite, 'Call-ID')[0] ?? '',
    branch: `${header(invite, 'Call-ID')[0]}-bye-of-callee`,
    headers: header(invite, 'Record-Route').map((route) => `Route: ${route}`),
  })
    .replace(/\r\nFrom: .*/, `\r\nFrom: ${header(invite, 'To')[0]};tag=peer`)
    .replace(/\r\nTo: .*/, `\r\nTo: ${header(invite, 'From')[0]}`);
}

/** How often a peer was asked to take a call, retransmissions left out. */
export function invites(peer: SipPeer, callId: string): number {
  const ids = peer.received.filter(
    (m) => m.text.startsWith('INVITE ') && header(m.text, 'Call-ID')[0] === callId,
  );
  return new Set(ids.map((m) => header(m.text, 'Via')[0])).size;
}
