import assert from 'node:assert/strict';
import { wait, waitUntil } from '../../../src/util/wait.js';
import type { Registration } from './phones.js';
import { status } from './phones.js';
import type { LocationNode, LocationPlatform } from './registrations.js';
import { startLocationPlatform } from './registrations.js';

/** Registrations under way at a time. */
const AT_ONCE = 50;
/** A node keeps each call in memory for some seconds: more at a time would fill it. */
const CALLS_PER_SECOND = 2_000;
const PATIENCE_MS = 45_000;

/** `u1`, `u2`, ... of a platform with all its nodes on one bus; each node is asked what it knows. */
export class RegisteredUsers {
  readonly platform: LocationPlatform;

  private constructor(platform: LocationPlatform) {
    this.platform = platform;
  }

  /** Starts a platform that has `count` users, none of them registered. */
  static async start(count: number): Promise<RegisteredUsers> {
    const users = new RegisteredUsers(await startLocationPlatform());
    try {
      await users.#startNodes(count);
    } catch (err) {
      await users.platform.stop();
      throw err;
    }
    return users;
  }

  async #startNodes(count: number): Promise<void> {
    await this.platform.database.store.query({
      text: `INSERT INTO subscriber (username, domain, password, ha1, ha1b)
             SELECT 'u' || i, 'carna.test', '', md5('u' || i || ':carna.test:u' || i || '-pw'), ''
               FROM generate_series(1, ${count}) i`,
    });
    for (const node of this.nodes) await this.startAndJoin(node);
  }

  get nodes(): readonly LocationNode[] {
    return [...this.platform.registrars, ...this.platform.outbounds];
  }

  async startAndJoin(node: LocationNode): Promise<void> {
    await node.start();
    await this.platform.join(node);
  }

  async register(node: LocationNode, parts: Registration): Promise<number> {
    // The dispatcher is the edge as well: a call comes back to whoever made it.
    const headers = [`Path: <sip:${this.platform.net}.20:5060;lr>`];
    return status(await this.platform.dispatcher.register(node.host, { headers, ...parts }));
  }

  /** u`from` to u`to`, one after the other at each registrar; every one must hear 200. */
  async registerAll(from: number, to: number, cseq: number): Promise<void> {
    let next = from;
    const worker = async (index: number): Promise<void> => {
      const node = this.platform.registrars[index % 2 === 0 ? 0 : 1];
      while (next <= to) {
        const user = `u${next}`;
        next += 1;
        assert.equal(await this.register(node, { user, cseq }), 200, user);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => worker(index)));
  }

  /** What an INVITE to the user is answered by. */
  async call(node: LocationNode, user: string): Promise<number> {
    return status(await this.platform.dispatcher.invite(node.host, `${user}@carna.test`));
  }

  /** A 200 to a phone and the news to the other nodes leave in the same moment. */
  async untilCalled(node: LocationNode, user: string, answer: number): Promise<void> {
    await this.untilIs(`answer to a call of ${user}`, answer, () => this.call(node, user));
  }

  /** Calls u`from` to u`to` by way of both outbound nodes; every one must be answered by 200. */
  async callAll(from: number, to: number): Promise<void> {
    let next = from;
    const began = performance.now();
    const worker = async (index: number): Promise<void> => {
      const node = this.platform.outbounds[index % 2 === 0 ? 0 : 1];
      while (next <= to) {
        const user = `u${next}`;
        next += 1;
        const dueMs = began + ((next - from) * 1_000) / CALLS_PER_SECOND;
        if (performance.now() < dueMs) await wait(dueMs - performance.now());
        assert.equal(await this.call(node, user), 200, user);
      }
    };
    const { received } = this.platform.dispatcher;
    const before = received.length;
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => worker(index)));
    const asked = received
      .slice(before)
      .map(({ text }) => /^INVITE sip:(u\d+)@10\./.exec(text)?.[1]);
    assert.ok(new Set(asked).size >= to - from + 1, 'every phone was asked');
  }

  async contactsOf(node: LocationNode): Promise<number> {
    const text = await node.rpc('stats.fetch', 'usrloc.location_contacts');
    return Number(/location_contacts: (\d+)/.exec(text)?.[1]);
  }

  /** Most shared memory that was in use on any node, in MB. */
  async peakMb(): Promise<number> {
    const used = await Promise.all(
      this.nodes.map(async (node) => {
        const text = await node.rpc('stats.fetch', 'shmem:max_used_size');
        return Number(/max_used_size: (\d+)/.exec(text)?.[1]);
      }),
    );
    return Math.round(Math.max(...used) / (1 << 20));
  }

  async knows(node: LocationNode, user: string): Promise<boolean> {
    return node.rpc('ul.lookup', 'location', `${user}@carna.test`).then(
      (text) => /Address: /.test(text),
      () => false,
    );
  }

  async rows(where = 'true'): Promise<number> {
    const [row] = await this.platform.database.store.query<{ n: number }>({
      text: `SELECT count(*)::int AS n FROM location WHERE ${where}`,
    });
    return row?.n ?? -1;
  }

  async untilKnown(nodes: readonly LocationNode[], count: number): Promise<void> {
    for (const node of nodes) {
      const what = `contacts that ${node.role} ${node.host} knows`;
      await this.untilIs(what, count, () => this.contactsOf(node));
    }
  }

  async untilRows(count: number, where = 'true'): Promise<void> {
    const ask = (): Promise<number> => this.rows(where).catch(() => -1);
    await this.untilIs(`rows where ${where}`, count, ask);
  }

  async untilIs<T extends number | boolean>(
    what: string,
    wanted: T,
    ask: () => Promise<T>,
  ): Promise<void> {
    let found: T | undefined;
    try {
      await waitUntil(what, PATIENCE_MS, async () => (found = await ask()) === wanted);
    } catch (err) {
      throw new Error(`${what}: ${String(found)} instead of ${String(wanted)}`, { cause: err });
    }
  }
}
