import type { ReconcilerDeps } from '../../src/reconciler/ports.js';
import type { Reconciler } from '../../src/reconciler/run-reconciler.js';
import { openReconciler } from '../../src/reconciler/run-reconciler.js';
import type { Evidence } from '../../src/topology/desired-rows.js';
import { FakeTime } from '../agent/support/fake-time.js';
import { record, rowOf } from '../topology/records.js';
import { World } from './world.js';

/** A reconciler that leads in fake time. */
export class Leading {
  readonly world = new World();
  readonly time = new FakeTime();
  readonly commitTimes: number[] = [];
  answerMs = 5;
  readonly #startMs = this.time.monoMs();
  #stop = new AbortController();
  #end: Promise<void> = Promise.resolve();
  reconciler: Reconciler | undefined;

  /** Begins to watch, as a standby does; `lead` does so by itself. */
  standBy(): Reconciler {
    const { world, time } = this;
    const deps = world.deps(time.newBell());
    const ping = async (destination: string): Promise<Evidence> => {
      await time.wait(this.answerMs);
      return await world.answers(destination);
    };
    const commitPlan: ReconcilerDeps['table']['commitPlan'] = async (plan) => {
      if (plan.changes.length > 0) this.commitTimes.push(this.nowMs());
      return await deps.table.commitPlan(plan);
    };
    return (this.reconciler = openReconciler({
      ...deps,
      clock: time,
      wait: time.wait,
      witness: { ...deps.witness, ping, bell: time.newBell() },
      table: { ...deps.table, commitPlan },
    }));
  }

  lead(): void {
    this.#stop = new AbortController();
    this.reconciler ??= this.standBy();
    const { signal } = this.#stop;
    this.#end = this.reconciler.lead({ signal, mayWrite: () => true, czxid: 5n });
  }

  nowMs(): number {
    return this.time.monoMs() - this.#startMs;
  }

  async resign(): Promise<void> {
    this.#stop.abort();
    for (let turn = 0; turn < 10; turn++) await this.time.advance(1_000);
    await this.#end;
    this.reconciler?.close();
    this.reconciler = undefined;
  }

  /** `a 8, b 9` */
  rows(): string {
    const { table } = this.world;
    const words = table.map((row) => `${row.description.slice(6)} ${row.flags}`);
    return words.sort().join(', ');
  }

  finding(nodeId: string): string | undefined {
    const nodes = this.world.znode?.witnessed?.nodes ?? [];
    return nodes.find((node) => node.nodeId === nodeId)?.finding;
  }
}

/** `a` is in the table already. */
export async function leading(): Promise<Leading> {
  const it = new Leading();
  it.world.table = [rowOf('a')];
  it.world.show(record('a'));
  it.lead();
  await it.time.advance(5_000);
  return it;
}
