import { CarnaError, RegistryAmbiguousError, RegistrySessionOverError } from '../util/errors.js';
import { isRejected } from './operations.js';
import type { ZkSession } from './session.js';

/** One of us in the line of an election. */
export interface Candidate {
  readonly path: string;
  readonly name: string;
  readonly zkSessionId: bigint;
  readonly czxid: bigint;
}

const REMOVE_ATTEMPTS = 3;
/** More are forgotten, oldest first: those went with their session long ago. */
const MAX_LEFTOVERS = 100;

/**
 * The line of candidates below a znode: ephemeral sequential znodes with a GUID in the name; the first leads.
 *
 * A znode of ours whose candidacy is over but which could not be removed then (no connection, or a create
 * whose answer never came) lives as long as our session, and would stand before us for ever. It is
 * remembered by its GUID and removed as soon as it is seen in the line.
 */
export class CandidateLine {
  readonly #session: ZkSession;
  readonly #dir: string;
  readonly #candidateId: string;
  /** GUIDs of candidacies that are over; whether their znodes are gone is not known. */
  readonly #leftovers = new Set<string>();

  /** `candidateId` is stored in the znodes, for people. */
  constructor(session: ZkSession, dir: string, candidateId: string) {
    this.#session = session;
    this.#dir = dir;
    this.#candidateId = candidateId;
  }

  /** A create whose answer was lost is looked up by its GUID: it is ours if our session owns it. */
  async enrol(guid: string): Promise<Candidate> {
    const session = this.#session;
    const dir = this.#dir;
    await session.ensurePath(dir);
    const sid = session.zkSessionId;
    let path: string | null = null;
    try {
      const data = Buffer.from(this.#candidateId);
      path = await session.create(`${dir}/c-${guid}-`, data, { ephemeral: true, sequential: true });
    } catch (err) {
      if (!(err instanceof RegistryAmbiguousError)) throw err;
      await session.whenConnected(2 * session.zkSessionTimeoutMs);
      const name = (await session.getChildren(dir))?.find((child) => child.includes(guid));
      path = name === undefined ? null : `${dir}/${name}`;
    }
    const stat = path === null ? null : await session.exists(path, { watch: true });
    if (path === null || stat === null || sid === null || stat.ephemeralOwner !== sid) {
      throw new RegistrySessionOverError('the candidate did not outlive its enrolment');
    }
    return { path, name: path.slice(dir.length + 1), zkSessionId: sid, czxid: stat.czxid };
  }

  /** Path of the candidate right before ours, null when ours is the first. Throws when ours is gone. */
  async predecessor(candidate: Candidate): Promise<string | null> {
    const names = (await this.#session.getChildren(this.#dir)) ?? [];
    const line = names.filter((name) => /-\d{10}$/.test(name)).sort(bySequence);
    const place = line.indexOf(candidate.name);
    if (place === -1) throw goneError();
    const leftovers = new Set(await this.#removeLeftovers(line));
    const before = line.slice(0, place).findLast((name) => !leftovers.has(name));
    return before === undefined ? null : `${this.#dir}/${before}`;
  }

  /** False only when ZooKeeper says so; without an answer nothing is concluded. Leaves a new watch. */
  async stands(candidate: Candidate): Promise<boolean> {
    try {
      const stat = await this.#session.exists(candidate.path, { watch: true });
      return stat?.ephemeralOwner === candidate.zkSessionId;
    } catch (err) {
      if (err instanceof CarnaError) return true;
      throw err;
    }
  }

  /** At once if that can be, else as soon as we are in line again. By GUID, since a create whose answer never came may have made a znode, too. */
  async leave(guid: string, candidate: Candidate | null): Promise<void> {
    const session = this.#session;
    this.#noteLeftover(guid);
    for (let attempt = 0; attempt < REMOVE_ATTEMPTS && session.state === 'connected'; attempt++) {
      try {
        const known = candidate === null ? await session.getChildren(this.#dir) : [candidate.name];
        const name = known?.find((child) => child.includes(guid));
        if (name === undefined) return;
        await this.#remove(`${this.#dir}/${name}`);
        this.#leftovers.delete(guid);
        return;
      } catch (err) {
        if (!(err instanceof CarnaError)) throw err;
      }
    }
  }

  /** All of them, not only those before us: others may wait for them. Gives their names. */
  async #removeLeftovers(line: readonly string[]): Promise<string[]> {
    const removed: string[] = [];
    for (const name of line) {
      const guid = [...this.#leftovers].find((leftover) => name.includes(leftover));
      if (guid === undefined) continue;
      await this.#remove(`${this.#dir}/${name}`);
      this.#leftovers.delete(guid);
      removed.push(name);
    }
    return removed;
  }

  #noteLeftover(guid: string): void {
    this.#leftovers.add(guid);
    for (const oldest of this.#leftovers) {
      if (this.#leftovers.size <= MAX_LEFTOVERS) return;
      this.#leftovers.delete(oldest);
    }
  }

  async #remove(path: string): Promise<void> {
    try {
      await this.#session.remove(path);
    } catch (err) {
      if (!isRejected(err, 'NO_NODE')) throw err;
    }
  }
}

export function goneError(): RegistrySessionOverError {
  return new RegistrySessionOverError('the candidate is gone');
}

function bySequence(a: string, b: string): number {
  return Number(a.slice(-10)) - Number(b.slice(-10));
}
