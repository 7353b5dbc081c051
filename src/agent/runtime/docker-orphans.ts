import type { ContainerSummary } from './docker-port.js';
import { isOurs, LABEL } from './docker-spec.js';

export interface OrphanPlan {
  /** The server that still runs for this node. */
  readonly adopt: ContainerSummary | null;
  readonly remove: readonly Removal[];
}

export interface Removal {
  readonly container: ContainerSummary;
  /** For the log. */
  readonly why: string;
  /** It may hold the ports of this node: nothing can start before it is gone. */
  readonly isOwnNode: boolean;
}

export interface OrphanWorld {
  readonly nodeId: string;
  /** Id of the agent's own container; empty when it runs in none. */
  readonly ownId: string;
  readonly containers: readonly ContainerSummary[];
  /** Ids of the owners that run. */
  readonly livingOwners: ReadonlySet<string>;
}

/**
 * What to do with the servers' containers that an agent finds as it starts. Pure. Containers of living agents
 * are left alone, and so is everything without Carna's labels.
 */
export function planOrphans(world: OrphanWorld): OrphanPlan {
  const remove: Removal[] = [];
  const mine: ContainerSummary[] = [];
  for (const container of world.containers) {
    if (!isOurs(container) || container.status === 'removing') continue;
    const isOwnNode = container.labels[LABEL.node] === world.nodeId;
    const why = isOwnNode ? whyOwnIsLeft(container, world) : whyOtherIsLeft(container, world);
    if (why !== null) remove.push({ container, why, isOwnNode });
    else if (isOwnNode && ownerOf(container) === world.ownId) mine.push(container);
  }
  mine.sort((a, b) => b.createdSeconds - a.createdSeconds);
  const [adopt = null, ...older] = mine;
  const why = 'a younger one of this node runs';
  for (const container of older) remove.push({ container, why, isOwnNode: true });
  return { adopt, remove };
}

/** Owners whose life has to be known for the plan. Pure. */
export function ownersOf(containers: readonly ContainerSummary[]): readonly string[] {
  return [...new Set(containers.filter(isOurs).map(ownerOf))].filter((owner) => owner !== '');
}

/** Null = not left behind. */
function whyOwnIsLeft(container: ContainerSummary, world: OrphanWorld): string | null {
  const owner = ownerOf(container);
  if (owner === world.ownId) return isUp(container) ? null : `it is ${container.status}`;
  if (owner === '') return 'its agent ran outside this container';
  return world.livingOwners.has(owner) ? null : "its agent's container is gone";
}

function whyOtherIsLeft(container: ContainerSummary, world: OrphanWorld): string | null {
  const owner = ownerOf(container);
  if (owner !== '') return world.livingOwners.has(owner) ? null : "its agent's container is gone";
  // Whether an agent outside Docker lives cannot be seen; what has ended is no use to it.
  const hasEnded = container.status === 'exited' || container.status === 'dead';
  return hasEnded ? `it is ${container.status}` : null;
}

const ownerOf = (container: ContainerSummary): string => container.labels[LABEL.owner] ?? '';

const isUp = ({ status }: ContainerSummary): boolean => status === 'running' || status === 'paused';
