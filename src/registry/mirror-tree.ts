import { MirrorRefusals } from './mirror-refusals.js';
import { isSameVersion } from './stat.js';
import type { ZnodeStat } from './stat.js';

export interface MirrorEntry {
  readonly data: Buffer | null;
  readonly stat: ZnodeStat;
  /** Of the answer that brought it; a deletion notice that came before it is out of date. */
  readonly arrival: number;
}

/**
 * What is known of a tree of znodes, by relative path: those that are shown, and those of a full read that
 * replace them in one step. No I/O; it answers what is to be read or listed next.
 */
export class MirrorTree {
  readonly root: string;
  readonly #changed: (relativePaths: readonly string[]) => void;
  readonly #refusals = new MirrorRefusals();
  #shown = new Map<string, MirrorEntry>();
  /** Null when no full read is under way. */
  #next: Map<string, MirrorEntry> | null = null;
  #isChangedSinceCopy = false;

  /** `changed` is told what became another in `shown` or `unreadable`. */
  constructor(root: string, changed: (relativePaths: readonly string[]) => void) {
    this.root = root;
    this.#changed = changed;
  }

  /** Relative; '' for the root, null when it does not lie below it. */
  relativeOf(path: string): string | null {
    if (path === this.root) return '';
    const prefix = this.root === '/' ? '/' : `${this.root}/`;
    return path.startsWith(prefix) ? path.slice(prefix.length) : null;
  }

  pathOf(at: string): string {
    if (at === '') return this.root;
    return this.root === '/' ? `/${at}` : `${this.root}/${at}`;
  }

  get shown(): ReadonlyMap<string, MirrorEntry> {
    return this.#shown;
  }

  /** ZooKeeper's code for each znode that cannot be read. */
  get unreadable(): ReadonlyMap<string, string> {
    return this.#refusals.unreadable;
  }

  /** A full read is under way. */
  get isFilling(): boolean {
    return this.#next !== null;
  }

  /** Some folder cannot be listed: no full read is whole. */
  get hasUnlisted(): boolean {
    return this.#refusals.hasUnlisted;
  }

  /** Since `copy` was called last. */
  get isChangedSinceCopy(): boolean {
    return this.#isChangedSinceCopy;
  }

  copy(): { entries: ReadonlyMap<string, MirrorEntry>; unreadable: ReadonlyMap<string, string> } {
    this.#isChangedSinceCopy = false;
    return { entries: new Map(this.#shown), unreadable: new Map(this.unreadable) };
  }

  /** Why a full read does not come to its end, in words for people; null when nothing is known to be wrong. */
  get obstacle(): string | null {
    const childCountOf = (at: string): number => this.#target.get(at)?.stat.childCount ?? 0;
    return this.#refusals.obstacle((at) => this.pathOf(at), childCountOf);
  }

  startFill(): void {
    this.#refusals.forgetUnlisted();
    this.#next = new Map();
  }

  /** An incomplete fill is never shown. */
  giveUpFill(): void {
    this.#next = null;
  }

  /** Shows what was filled, if a full read is under way. */
  showFill(): void {
    if (this.#next === null) return;
    const former = this.#shown;
    const shown = this.#next;
    this.#shown = shown;
    this.#next = null;
    const changed = [...shown].flatMap(([at, entry]) =>
      isSameVersion(former.get(at)?.stat, entry.stat) ? [] : [at],
    );
    for (const at of [...former.keys(), ...this.unreadable.keys()])
      if (!shown.has(at)) changed.push(at);
    if (changed.length > 0) this.#announce(changed);
  }

  /** True when its children must be listed: not known yet, or with one-shot watches to leave one. */
  keep(at: string, found: MirrorEntry, isOneShot: boolean): boolean {
    this.#readable(at);
    const former = this.#target.get(at);
    this.#target.set(at, found);
    if (!this.isFilling && !isSameVersion(former?.stat, found.stat)) this.#announce([at]);
    // A recursive watch tells of every later child by itself; only a full read has to list.
    const hasUnknownChildren = this.isFilling && found.stat.childCount > 0;
    const needsChildWatch = isOneShot && former?.stat.czxid !== found.stat.czxid;
    return hasUnknownChildren || (needsChildWatch && found.stat.ephemeralOwner === 0n);
  }

  forget(at: string): void {
    this.#readable(at);
    if (this.#target.delete(at) && !this.isFilling) this.#announce([at]);
  }

  /** A notice of deletion with this arrival; what was read after it stands. */
  forgetBefore(at: string, arrival: number): void {
    if ((this.#target.get(at)?.arrival ?? 0) < arrival) this.forget(at);
  }

  /** Gives the children that are to be read. With one-shot watches nobody else tells of those that left. */
  listed(at: string, names: readonly string[], isOneShot: boolean): string[] {
    this.folderReadable(at);
    const prefix = at === '' ? '' : `${at}/`;
    const present = new Set(names.map((name) => prefix + name));
    const unknown = [...present].filter((path) => !this.#target.has(path));
    if (!isOneShot) return unknown;
    for (const path of [...this.#target.keys()]) {
      const isChild = path.startsWith(prefix) && !path.slice(prefix.length).includes('/');
      if (isChild && path !== '' && !present.has(path)) this.forget(path);
    }
    return unknown;
  }

  /** The folder is gone, or no longer refused. */
  folderReadable(at: string): void {
    this.#refusals.listed(at);
    this.#readable(at);
  }

  /** A znode that cannot be read keeps its former value. True when the refusal is news. */
  refused(at: string, zkCode: string): boolean {
    const former = this.#shown.get(at);
    if (former !== undefined) this.#next?.set(at, former);
    const isNews = this.#refusals.refused(at, zkCode);
    if (isNews) this.#announce([at]);
    return isNews;
  }

  /** Whose children are not known cannot be told from one that lost them all. Gives how often it had failed before. */
  notListed(at: string): number {
    return this.#refusals.notListed(at);
  }

  #announce(paths: readonly string[]): void {
    this.#isChangedSinceCopy = true;
    this.#changed(paths);
  }

  /** What answers and notices apply to. */
  get #target(): Map<string, MirrorEntry> {
    return this.#next ?? this.#shown;
  }

  #readable(at: string): void {
    if (this.#refusals.readable(at)) this.#announce([at]);
  }
}
