import type { ServerResponse } from 'node:http';
import type { Seen } from '../../marathon/client/fake-marathon.js';
import { json } from '../../marathon/client/fake-marathon.js';
import type { Platform } from './platform.js';

export const MEDIA = '/carna/dc1/media';

/** A task id as Marathon makes them. */
export const mediaTask = (n: number, run = 1): string =>
  `carna_dc1_media.instance-00000000-0000-0000-0000-0000000000${String(n).padStart(2, '0')}._app.${run}`;

interface Deployment {
  readonly id: string;
  /** Ticks that it lasts; Infinity: until it is ended. */
  ticks: number;
  readonly onEnd: () => void;
}

/**
 * As much of Marathon as one app's scaling needs, over HTTP: one deployment at a time, 409 meanwhile, an id
 * that matches nothing does nothing with 200, matching by instance whatever the incarnation. It looks at the
 * platform's nodes for its tasks.
 */
export class SmallMarathon {
  instances: number;
  deployments: Deployment[] = [];
  /** Instances that find no offer. */
  unplaced = 0;
  /** Ticks that a deployment lasts. */
  lasting = 1;
  /** Answers in place of Marathon when it gives true. */
  intercept: (seen: Seen, response: ServerResponse) => boolean = () => false;
  readonly changes: string[] = [];
  readonly #platform: Platform;
  #nextTask: number;
  #nextDeployment = 1;

  constructor(platform: Platform, instances: number) {
    this.#platform = platform;
    this.instances = instances;
    this.#nextTask = instances + 1;
    for (let n = 1; n <= instances; n++) platform.launch(mediaTask(n), MEDIA);
  }

  tasks(): readonly string[] {
    return [...this.#platform.nodes.values()]
      .filter(({ appId }) => appId === MEDIA)
      .map(({ nodeId }) => nodeId);
  }

  /** One step of time. */
  tick(): void {
    for (const deployment of this.deployments) {
      deployment.ticks--;
      if (deployment.ticks <= 0) deployment.onEnd();
    }
    this.deployments = this.deployments.filter(({ ticks }) => ticks > 0);
    this.#platform.tick();
  }

  /** A deployment of somebody else. */
  lock(ticks: number, onEnd: () => void = () => undefined): string {
    const id = `other-${this.#nextDeployment++}`;
    this.deployments.push({ id, ticks, onEnd });
    return id;
  }

  readonly handle = (seen: Seen, response: ServerResponse): void => {
    if (this.intercept(seen, response)) return;
    const path = seen.url.split('?')[0] ?? '';
    if (seen.method === 'GET' && path === `/v2/apps${MEDIA}`) {
      return json(response, 200, { app: this.#app() });
    }
    if (seen.method === 'GET' && path === '/v2/queue') return json(response, 200, this.#queue());
    if (seen.method === 'PUT' && path === `/v2/apps${MEDIA}`) return this.#put(seen, response);
    if (seen.method === 'POST' && path === '/v2/tasks/delete') return this.#kill(seen, response);
    if (seen.method === 'DELETE' && path.startsWith('/v2/deployments/')) {
      return this.#cancel(path.split('/').at(-1) ?? '', seen, response);
    }
    json(response, 404, { message: `${path} does not exist` });
  };

  /** What the POST does, also for whoever loses its answer. */
  kill(ids: readonly string[]): string | null {
    const instanceOf = (id: string): string => id.slice(0, id.lastIndexOf('._app.'));
    const victims = this.tasks().filter((id) =>
      ids.some((of) => instanceOf(of) === instanceOf(id)),
    );
    this.instances -= victims.length;
    if (victims.length === 0) return null;
    return this.#deploy(() => victims.forEach((id) => this.#platform.kill(id)));
  }

  /** What the PUT does. */
  scaleTo(instances: number): string {
    const more = instances - this.instances;
    this.changes.push(`put ${instances}`);
    this.instances = instances;
    for (let i = 0; i < more - this.unplaced; i++) {
      this.#platform.launch(mediaTask(this.#nextTask++), MEDIA, 0, -1);
    }
    return this.#deploy(() => undefined, this.unplaced > 0 ? Number.POSITIVE_INFINITY : undefined);
  }

  #deploy(onEnd: () => void, ticks = this.lasting): string {
    const id = `d-${this.#nextDeployment++}`;
    this.deployments.push({ id, ticks, onEnd });
    return id;
  }

  #app(): object {
    const ids = this.tasks();
    return {
      ...{ id: MEDIA, instances: this.instances, version: VERSION },
      ...{ tasksRunning: ids.length, tasksStaged: 0, tasksHealthy: 0, tasksUnhealthy: 0 },
      deployments: this.deployments.map(({ id }) => ({ id })),
      tasks: ids.map((id) => ({
        ...{ id, appId: MEDIA, host: `h${ids.indexOf(id) + 1}`, state: 'TASK_RUNNING' },
        ...{ ports: [5060], startedAt: VERSION, version: VERSION },
      })),
    };
  }

  #queue(): object {
    if (this.unplaced === 0) return { queue: [] };
    const rejects = [
      { reason: 'UnfulfilledConstraint', declined: 3, processed: 4 },
      { reason: 'InsufficientMemory', declined: 1, processed: 1 },
    ];
    const item = {
      ...{ count: this.unplaced, app: { id: MEDIA } },
      delay: { timeLeftSeconds: 0, overdue: true },
      processedOffersSummary: { rejectSummaryLastOffers: rejects },
    };
    return { queue: [item] };
  }

  #put(seen: Seen, response: ServerResponse): void {
    if (this.#isLocked(response)) return;
    const { instances } = JSON.parse(seen.body) as { instances: number };
    json(response, 200, { deploymentId: this.scaleTo(instances), version: VERSION });
  }

  #kill(seen: Seen, response: ServerResponse): void {
    if (this.#isLocked(response)) return;
    const { ids } = JSON.parse(seen.body) as { ids: string[] };
    this.changes.push(`kill ${ids.join(' ')}`);
    json(response, 200, { deploymentId: this.kill(ids) ?? 'd-none', version: VERSION });
  }

  #cancel(id: string, seen: Seen, response: ServerResponse): void {
    this.changes.push(`cancel ${id} ${seen.url.includes('force=true') ? 'forced' : 'back'}`);
    this.deployments = this.deployments.filter((one) => one.id !== id);
    response.writeHead(202).end();
  }

  #isLocked(response: ServerResponse): boolean {
    if (this.deployments.length === 0) return false;
    const deployments = this.deployments.map(({ id }) => ({ id }));
    json(response, 409, { message: 'App is locked by one or more deployments.', deployments });
    return true;
  }
}

const VERSION = '2024-01-01T00:00:00.000Z';
