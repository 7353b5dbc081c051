import { InvalidInputError } from '../util/errors.js';

/** Where one data centre's znodes lie; see ARCHITECTURE.md. */
export interface DcPaths {
  /** `/carna/<cluster>/<dc>`: everything below it. */
  readonly root: string;
  readonly nodes: string;
  readonly intents: string;
  readonly overrides: string;
  readonly generation: string;
  readonly applied: string;
  readonly leader: string;
}

const NAME = /^[A-Za-z0-9._-]{1,64}$/;
/** A MESOS_TASK_ID has any printable characters but slash; it may be long. */
const NODE_ID = /^[!-.0-}]{1,255}$/;

/** The znode paths of a data centre. Throws InvalidInputError for a name that cannot be part of one. Pure. */
export function dcPaths(cluster: string, dc: string): DcPaths {
  const root = `/carna/${checkName('cluster', cluster)}/${checkName('data centre', dc)}`;
  return {
    root,
    nodes: `${root}/nodes`,
    intents: `${root}/intents`,
    overrides: `${root}/overrides`,
    generation: `${root}/generation`,
    applied: `${root}/applied`,
    leader: `${root}/leader`,
  };
}

/** Gives the node id back, or throws InvalidInputError: 1 to 255 printable ASCII characters, no `/`, no `~`. Pure. */
export function checkNodeId(nodeId: string): string {
  if (!NODE_ID.test(nodeId) || nodeId === '.' || nodeId === '..') {
    throw new InvalidInputError(
      'node id',
      `1 to 255 printable ASCII characters without / and ~: ${JSON.stringify(nodeId)}`,
    );
  }
  return nodeId;
}

/** `<nodeId>~<incarnation>`: the name of a znode that belongs to one life of a node. Pure. */
export function incarnationName(nodeId: string, incarnation: string): string {
  return `${nodeId}~${incarnation}`;
}

/** The two parts of such a name; null when it is none. Pure. */
export function splitIncarnation(name: string): { nodeId: string; incarnation: string } | null {
  const at = name.lastIndexOf('~');
  const nodeId = name.slice(0, Math.max(0, at));
  const incarnation = name.slice(at + 1);
  return NODE_ID.test(nodeId) && incarnation !== '' ? { nodeId, incarnation } : null;
}

function checkName(what: string, name: string): string {
  if (!NAME.test(name) || name === '.' || name === '..') {
    throw new InvalidInputError(
      what,
      `1 to 64 letters, digits, dots, dashes or underscores: ${JSON.stringify(name)}`,
    );
  }
  return name;
}
