/** What the server refuses to tell, by relative path. */
export class MirrorRefusals {
  readonly #unreadable = new Map<string, string>();
  /** Folders that cannot be listed, and how often that failed; without them no full read is whole. */
  readonly #unlisted = new Map<string, number>();

  /** ZooKeeper's code for each znode that cannot be read. */
  get unreadable(): ReadonlyMap<string, string> {
    return this.#unreadable;
  }

  get hasUnlisted(): boolean {
    return this.#unlisted.size > 0;
  }

  /** True when that is news. */
  refused(at: string, zkCode: string): boolean {
    if (this.#unreadable.get(at) === zkCode) return false;
    this.#unreadable.set(at, zkCode);
    return true;
  }

  /** True when it was unreadable until now. */
  readable(at: string): boolean {
    return this.#unreadable.delete(at);
  }

  /** Gives how often it had failed before. */
  notListed(at: string): number {
    const failures = this.#unlisted.get(at) ?? 0;
    this.#unlisted.set(at, failures + 1);
    return failures;
  }

  listed(at: string): void {
    this.#unlisted.delete(at);
  }

  forgetUnlisted(): void {
    this.#unlisted.clear();
  }

  /** Why a full read does not come to its end, in words for people; null when nothing is known to be wrong. */
  obstacle(pathOf: (at: string) => string, childCountOf: (at: string) => number): string | null {
    const [at] = this.#unlisted.keys();
    if (at === undefined) return null;
    const what = `${pathOf(at)} with ${childCountOf(at)} children cannot be listed`;
    const why = this.#unreadable.get(at) ?? 'refused';
    return `${what}: ${why}; remove from it what nobody needs, or let us read it`;
  }
}
