import { BinrpcClient } from '../../protocols/binrpc/client.js';
import { readDispatcherList } from '../../protocols/binrpc/dispatcher-rpc.js';
import type { LiveDestination } from '../../topology/live-destination.js';
import { CarnaError } from '../../util/errors.js';
import { wait } from '../../util/wait.js';
import type { LabNode } from '../plan.js';
import type { LabState } from '../state.js';
import { ctlSocket } from '../state.js';
import { takesCalls } from '../watch-live.js';
import type { Finding } from './stage.js';

const LOOK_EVERY_MS = 50;
/** Longer than Kamailio's own wait for PostgreSQL, during which it answers nothing. */
const RPC_TIMEOUT_MS = 3_000;

/** The sets of a list in which some destination takes calls, ascending. Pure. */
export function servedSets(list: readonly LiveDestination[]): readonly number[] {
  const served = list.filter(({ letters }) => takesCalls(letters)).map(({ setid }) => setid);
  return [...new Set(served)].sort((a, b) => a - b);
}

/** Reads the live list of every Kamailio of a lab again and again, over connections of its own. */
export class NeverEmptyWatch {
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #readings = 0;
  readonly #faults = new Set<string>();

  /** Begins at once; the sets that a Kamailio serves at its first answer are those that it must go on serving. */
  constructor(lab: LabState) {
    const kamailios = lab.plan.nodes.filter((node) => node.kind === 'kamailio');
    this.#done = Promise.all(kamailios.map((node) => this.#watch(lab, node))).then(() => undefined);
  }

  /** Safe to call twice. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  finding(): Finding {
    const faults = [...this.#faults];
    return {
      what: 'no list of a Kamailio was ever without a destination for calls',
      isGood: faults.length === 0 && this.#readings > 0,
      seen: `${this.#readings} readings${faults.length === 0 ? '' : `: ${faults.join('; ')}`}`,
    };
  }

  async #watch(lab: LabState, node: LabNode): Promise<void> {
    const socketPath = ctlSocket(lab.runDir, node);
    const client = new BinrpcClient({ socketPath, timeoutMs: RPC_TIMEOUT_MS });
    let wanted: readonly number[] | null = null;
    try {
      while (!this.#stop.signal.aborted) {
        const served = await servedBy(client);
        if (served !== null) {
          this.#readings++;
          wanted ??= served;
          for (const setid of wanted.filter((one) => !served.includes(one))) {
            this.#faults.add(`${node.name} had none in set ${setid}`);
          }
        }
        await wait(LOOK_EVERY_MS, this.#stop.signal);
      }
    } finally {
      client.close();
    }
  }
}

/** Null when the Kamailio does not answer: it is away, or frozen. */
async function servedBy(client: BinrpcClient): Promise<readonly number[] | null> {
  try {
    return servedSets(await readDispatcherList(client));
  } catch (err) {
    if (err instanceof CarnaError) return null;
    throw err;
  }
}
