import type { DispatcherRow } from './dispatcher-row.js';
import { describeRow, rowKey, zoned } from './dispatcher-row.js';
import type { NodeRecord } from './node.js';
import { destinationUri } from './node.js';
import type { Wiring } from './wiring.js';
import { isWeighted, setsListing } from './wiring.js';

/** Where a node's row stands, or would. */
export interface Place extends Pick<DispatcherRow, 'setid' | 'destination' | 'description'> {
  readonly key: string;
  /** Whether a row there carries a weight. */
  readonly isWeighted: boolean;
}

/** What decides where a node stands. */
type Placed = Pick<NodeRecord, 'role' | 'sip'>;

interface Places {
  readonly wiring: Wiring;
  readonly zone: string | undefined;
  readonly places: readonly Place[];
}

/** Records never change, so neither do their places: most passes see the same records again. */
const knownPlaces = new WeakMap<Placed, Places>();

/**
 * The row places of a node: its first endpoint in every set that lists its role; none without an endpoint.
 * `zone`: the other data centre that it belongs to. Pure.
 */
export function placesOf(
  wiring: Wiring,
  nodeId: string,
  record: Placed,
  zone?: string,
): readonly Place[] {
  const known = knownPlaces.get(record);
  if (known?.wiring === wiring && known.zone === zone) return known.places;
  const endpoint = record.sip[0];
  const destination = endpoint === undefined ? null : destinationUri(endpoint);
  const description = describeRow(zoned(zone, nodeId));
  const places =
    destination === null
      ? []
      : setsListing(wiring, record.role).map((setid) => {
          const key = rowKey({ setid, destination });
          return { setid, destination, description, key, isWeighted: isWeighted(wiring, setid) };
        });
  knownPlaces.set(record, { wiring, zone, places });
  return places;
}
