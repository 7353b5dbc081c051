import type { NodeRecord } from '../topology/node.js';
import { destinationUri } from '../topology/node.js';
import type { Role } from '../topology/node.js';
import { consumersOf, DEFAULT_WIRING, setsListing } from '../topology/wiring.js';
import { countProofs } from './drain-progress.js';
import { readLiveLists } from './live-lists.js';
import type { OperatorData, TopologyData } from './operator-data.js';

/**
 * Tells which nodes take calls from every Kamailio that routes to them. The proofs in the registry name only
 * the newest changes: what was seen once stays seen, and of an older change the Kamailios themselves are asked.
 */
export class ListedNodes {
  readonly #data: OperatorData;
  readonly #proven = new Set<string>();

  constructor(data: OperatorData) {
    this.#data = data;
  }

  /** The nodeIds of those among `records` that are up and listed everywhere. Reads only what proofs do not tell. */
  async read(topology: TopologyData, records: readonly NodeRecord[]): Promise<ReadonlySet<string>> {
    const listed = new Set<string>();
    const open: NodeRecord[] = [];
    for (const record of records) {
      if (record.state !== 'up' || topology.intents.has(record.nodeId)) continue;
      if (this.#isProven(topology, record)) listed.add(record.nodeId);
      else if (isOld(topology, record)) open.push(record);
    }
    if (open.length > 0) {
      for (const record of await this.#readLive(topology, open)) {
        this.#proven.add(record.trace.id);
        listed.add(record.nodeId);
      }
    }
    return listed;
  }

  #isProven(topology: TopologyData, record: NodeRecord): boolean {
    if (this.#proven.has(record.trace.id)) return true;
    const { proven, consumers } = countProofs(record, 'up', topology, DEFAULT_WIRING);
    const isProven = proven === consumers;
    if (isProven && consumers > 0) this.#proven.add(record.trace.id);
    return isProven;
  }

  async #readLive(topology: TopologyData, records: readonly NodeRecord[]): Promise<NodeRecord[]> {
    const lists = await readLiveLists(this.#data, topology, undefined);
    return records.filter((record) => {
      const [first] = record.sip;
      const uri = first === undefined ? '' : destinationUri(first);
      return setsListing(DEFAULT_WIRING, record.role).every((setid) => {
        const roles: readonly Role[] = consumersOf(DEFAULT_WIRING, setid);
        return lists
          .filter(({ role }) => roles.includes(role))
          .every(
            (live) =>
              'list' in live &&
              live.list.some(
                (entry) =>
                  entry.setid === setid &&
                  entry.destination === uri &&
                  entry.letters.startsWith('A'),
              ),
          );
      });
    });
  }
}

/** Whether its last change may have left the generation's list of the newest ones. */
function isOld({ generation }: TopologyData, record: NodeRecord): boolean {
  if (generation === null) return false;
  const { traces, committedAtMs } = generation;
  return !traces.some(({ id }) => id === record.trace.id) && record.since < committedAtMs;
}
