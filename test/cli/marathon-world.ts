import type { ServerResponse } from 'node:http';
import type { OperatorData } from '../../src/cli/operator-data.js';
import { appsOfGroup } from '../../src/marathon/deploy/group-apps.js';
import type { Definition } from '../../src/marathon/deploy/group-apps.js';
import type { Seen } from '../marathon/client/fake-marathon.js';
import { json } from '../marathon/client/fake-marathon.js';
import type { WorldApp, WorldTask } from './world-nodes.js';
import { dataOf, versionAt } from './world-nodes.js';

export interface WorldDeployment {
  readonly id: string;
  readonly apps: readonly string[];
  /** Called at each look at the deployments; true = it is over. */
  readonly step: () => boolean;
}

/** A Marathon with a registry behind it, as simple as the commands' own logic needs; time is counted in looks. */
export class MarathonWorld {
  readonly apps = new Map<string, WorldApp>();
  deployments: WorldDeployment[] = [];
  /** What was changed, as `PUT /v2/groups/…`, in order. */
  readonly changes: string[] = [];
  readonly bodies: Definition[] = [];
  /** Answers a change before the world does; true = it was answered. */
  intercept: (seen: Seen, response: ServerResponse) => boolean = () => false;
  /** How a new deployment goes on; the default starts all tasks at its second look. */
  play: (world: MarathonWorld, apps: readonly string[], id: string) => () => boolean = startAll;
  queue: unknown[] = [];
  #count = 0;

  /** An app whose tasks all run, up and listed. */
  run(id: string, definition: Definition, instances: number, calls = 0): WorldApp {
    const app: WorldApp = { definition, instances, version: 1, tasks: [] };
    this.apps.set(id, app);
    for (let k = 0; k < instances; k++) app.tasks.push({ ...this.newTask(id), calls });
    return app;
  }

  newTask(appId: string): WorldTask {
    const number = ++this.#count;
    const uuid = `00000000-0000-0000-0000-${String(number).padStart(12, '0')}`;
    const id = `${appId.slice(1).replaceAll('/', '_')}.instance-${uuid}._app.1`;
    const version = this.apps.get(appId)?.version ?? 1;
    const live = { nodeState: 'up' as const, isListed: true, instanceId: `i-${number}`, calls: 0 };
    return { id, version, state: 'TASK_RUNNING', ...live };
  }

  handle = (seen: Seen, response: ServerResponse): void => {
    if (seen.url.startsWith('/v2/events')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      return;
    }
    const isDryRun = seen.url.includes('dryRun=true');
    if (seen.method !== 'GET' && !isDryRun) {
      this.changes.push(`${seen.method} ${seen.url}`);
      if (seen.body !== '') this.bodies.push(JSON.parse(seen.body) as Definition);
    }
    if (this.intercept(seen, response)) return;
    const [status, body] = this.#answer(seen, isDryRun);
    json(response, status, body);
  };

  /** What the registry and the agents tell. */
  data(more: Partial<OperatorData> = {}): OperatorData {
    return dataOf(this.apps, more);
  }

  deploy(apps: readonly string[]): { deploymentId: string; version: string } {
    const id = `d-${++this.#count}`;
    const step = this.play(this, apps, id);
    this.deployments.push({ id, apps, step });
    return { deploymentId: id, version: '2024-01-01T00:00:00.000Z' };
  }

  #answer(seen: Seen, isDryRun: boolean): [number, unknown] {
    const path = seen.url.split('?')[0] ?? '';
    const body = seen.body === '' ? {} : (JSON.parse(seen.body) as Definition);
    if (path === '/v2/queue') return [200, { queue: this.queue }];
    if (path === '/v2/deployments') return [200, this.#look()];
    if (path === '/v2/apps')
      return [200, { apps: [...this.apps.keys()].map((id) => this.#app(id)) }];
    if (path.startsWith('/v2/groups/')) return this.#putGroup(body, isDryRun);
    if (path.startsWith('/v2/deployments/')) return this.#cancel(path, seen.url.includes('force'));
    const id = path.replace('/v2/apps', '').replace(/\/restart$/, '');
    const app = this.apps.get(id);
    if (seen.method === 'GET') {
      return app === undefined
        ? [404, { message: 'no such app' }]
        : [200, { app: { ...app.definition, ...this.#app(id) } }];
    }
    const locked = this.#lockOf([id]);
    if (locked !== undefined) return [409, locked];
    if (app === undefined) return [404, { message: 'no such app' }];
    if (seen.url.includes('partialUpdate=false')) app.definition = body;
    else app.definition = { ...app.definition, ...body };
    app.version++;
    return [200, this.deploy([id])];
  }

  #putGroup(body: Definition, isDryRun: boolean): [number, unknown] {
    const wanted = appsOfGroup(body);
    const actions: { action: string; app: string }[] = [];
    const act = (action: string, app: string): void => void actions.push({ action, app });
    for (const id of this.apps.keys()) {
      if (!wanted.some((one) => one.id === id)) act('StopApplication', id);
    }
    for (const { id, definition, instances } of wanted) {
      const app = this.apps.get(id);
      if (app === undefined) act('StartApplication', id);
      else if (textOf(app.definition) !== textOf(definition)) act('RestartApplication', id);
      else if (app.instances !== instances) act('ScaleApplication', id);
    }
    if (isDryRun) return [200, { steps: actions.length === 0 ? [] : [{ actions }] }];
    const locked = this.#lockOf(actions.map(({ app }) => app));
    if (locked !== undefined) return [409, locked];
    for (const { id, definition, instances } of wanted) {
      const app = this.apps.get(id) ?? { definition, instances, version: 0, tasks: [] };
      if (actions.some((one) => one.app === id)) app.version++;
      this.apps.set(id, Object.assign(app, { definition, instances }));
    }
    for (const { action, app } of actions) if (action === 'StopApplication') this.apps.delete(app);
    return [200, this.deploy(actions.map(({ app }) => app))];
  }

  #cancel(path: string, isForced: boolean): [number, unknown] {
    const id = path.replace('/v2/deployments/', '');
    const found = this.deployments.find((one) => one.id === id);
    if (found === undefined) return [404, { message: 'no such deployment' }];
    this.deployments = this.deployments.filter((one) => one !== found);
    return isForced ? [202, {}] : [200, this.deploy(found.apps)];
  }

  #look(): unknown[] {
    this.deployments = this.deployments.filter(({ step }) => !step());
    return this.deployments.map(({ id, apps }) => ({
      ...{ id, affectedApps: apps, currentStep: 1, totalSteps: 1 },
      steps: [{ actions: apps.map((app) => ({ action: this.#actionOf(id, app), app })) }],
    }));
  }

  /** Ours replace; those that a test pushes by another name do not. */
  #actionOf(id: string, app: string): string {
    const isOurs = /^d-\d+$/.test(id) && (this.apps.get(app)?.version ?? 0) > 1;
    return isOurs ? 'RestartApplication' : 'ScaleApplication';
  }

  #lockOf(apps: readonly string[]): unknown {
    const held = this.deployments.filter((one) => one.apps.some((id) => apps.includes(id)));
    if (held.length === 0) return undefined;
    return { message: 'App is locked', deployments: held.map(({ id }) => ({ id })) };
  }

  #app(id: string): Definition {
    const app = this.apps.get(id);
    const tasks = app?.tasks ?? [];
    const held = this.deployments.filter((one) => one.apps.includes(id));
    return {
      id,
      instances: app?.instances ?? 0,
      version: versionAt(app?.version ?? 0),
      versionInfo: { lastConfigChangeAt: versionAt(app?.version ?? 0) },
      ...{ tasksStaged: 0, tasksUnhealthy: 0 },
      tasksRunning: tasks.filter(({ state }) => state === 'TASK_RUNNING').length,
      deployments: held.map((one) => ({ id: one.id })),
      tasks: tasks.map((task) => {
        const place = { appId: id, host: 'h1', ports: [], startedAt: null };
        return { id: task.id, state: task.state, version: versionAt(task.version), ...place };
      }),
    };
  }
}

/** Marathon compares definitions; the number of instances is another matter, an order of names is none. */
function textOf(definition: Definition): string {
  return JSON.stringify({ ...definition, instances: null }, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

/** At the second look all tasks of the present version run, and the old ones are gone. */
function startAll(world: MarathonWorld, ids: readonly string[]): () => boolean {
  let looks = 0;
  return () => {
    if (++looks < 2) return false;
    for (const id of ids) {
      const app = world.apps.get(id);
      if (app === undefined) continue;
      app.tasks = app.tasks.filter(({ version }) => version === app.version);
      while (app.tasks.length < app.instances) app.tasks.push(world.newTask(id));
    }
    return true;
  };
}
