import type { Ensemble } from './zookeeper.js';
import type { Effect } from './zookeeper-tree.js';
import { planCreate, planDelete, planSetData } from './zookeeper-tree.js';
import type { JuteReader } from './zookeeper-wire.js';

/** What a write does once its turn has come; `path` is answered when the server chose it. */
export type Write = (zxid: number) => {
  readonly effects: readonly Effect[];
  readonly path?: string;
};

interface Context {
  readonly ensemble: Ensemble;
  readonly sessionId: bigint;
  readonly nowMs: () => number;
}

const CREATE = 1;
const REMOVE = 2;
const SET_DATA = 5;

/** Reads a request that changes the tree; null for another one. */
export function readWrite(
  type: number,
  body: JuteReader,
  { ensemble, sessionId, nowMs }: Context,
): { readonly what: string; readonly write: Write } | null {
  switch (type) {
    case CREATE: {
      const path = body.text();
      const data = body.buffer();
      body.skipAcl();
      const request = { path, data, flags: body.int(), sessionId };
      const write: Write = (zxid) => planCreate(ensemble.tree, zxid, nowMs(), request);
      return { what: `create ${path}`, write };
    }
    case SET_DATA: {
      const request = { path: body.text(), data: body.buffer(), version: body.int() };
      const write: Write = (zxid) => ({
        effects: planSetData(ensemble.tree, zxid, nowMs(), request),
      });
      return { what: `setData ${request.path}`, write };
    }
    case REMOVE: {
      const request = { path: body.text(), version: body.int() };
      const write: Write = (zxid) => ({ effects: planDelete(ensemble.tree, zxid, request) });
      return { what: `delete ${request.path}`, write };
    }
    default:
      return null;
  }
}
