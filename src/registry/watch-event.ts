import { recordClass } from './zk-client.js';

export type WatchEventKind = 'created' | 'deleted' | 'changed' | 'children';

/** A notice that something happened to a znode; it carries no data. */
export interface WatchEvent {
  readonly kind: WatchEventKind;
  readonly path: string;
  /** Orders it among the answers of the same session (see `Answer`). */
  readonly arrival: number;
}

const NOTIFICATION_XID = -1;
const HEADER_BYTES = 20;
const KINDS: Readonly<Record<number, WatchEventKind>> = {
  1: 'created',
  2: 'deleted',
  3: 'changed',
  4: 'children',
};

/** True for a frame that answers no request. */
export function isNotification(frame: Buffer): boolean {
  return frame.length >= HEADER_BYTES && frame.readInt32BE(4) === NOTIFICATION_XID;
}

/** Reads a notification; null when it is of a kind not known here. Throws on garbage. */
export function readWatchEvent(frame: Buffer, arrival: number): WatchEvent | null {
  const Event = recordClass('protocol', 'WatcherEvent');
  const event = new Event() as unknown as { type: number; path: string } & InstanceType<
    typeof Event
  >;
  event.deserialize(frame, HEADER_BYTES);
  const kind = KINDS[event.type];
  return kind === undefined ? null : { kind, path: event.path, arrival };
}
