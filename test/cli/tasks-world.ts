import type { ServerResponse } from 'node:http';
import type { OperatorData } from '../../src/cli/operator-data.js';
import type { NodeRecord } from '../../src/topology/node.js';
import type { Fake } from '../marathon/client/fake-marathon.js';
import { json, taskId, withFake } from '../marathon/client/fake-marathon.js';
import * as p from './support.js';

export const MEDIA = '/prod/dc1/media';
export const at = (agoMs: number): string => new Date(p.NOW - agoMs).toISOString();

/** What the fake Marathon holds; tests change it while it answers. */
interface World {
  tasks: Record<string, unknown>[];
  instances: number;
  deployments: Record<string, unknown>[];
  queue: Record<string, unknown>[];
}

export const task = (id: string, part: Record<string, unknown> = {}): Record<string, unknown> => ({
  id,
  appId: MEDIA,
  host: '10.0.3.1',
  state: 'TASK_RUNNING',
  ports: [5060],
  stagedAt: at(3_700_000),
  startedAt: at(3_600_000),
  version: at(86_400_000),
  ...part,
});

export const deployment = (step: number): Record<string, unknown> => ({
  id: 'd-7',
  version: at(1_000),
  affectedApps: [MEDIA, '/prod/dc1/registrar'],
  affectedPods: [],
  steps: [],
  currentActions: [],
  currentStep: step,
  totalSteps: 3,
});

export const waiting = {
  app: { id: MEDIA },
  count: 1,
  since: at(60_000),
  delay: { timeLeftSeconds: 0, overdue: true },
  processedOffersSummary: {
    processedOffersCount: 4,
    unusedOffersCount: 4,
    rejectSummaryLastOffers: [
      { reason: 'UnfulfilledRole', declined: 0, processed: 4 },
      { reason: 'InsufficientCpus', declined: 4, processed: 4 },
    ],
  },
};

function answer(world: World, url: string, response: ServerResponse): void {
  const { tasks, instances, deployments, queue } = world;
  if (url.startsWith('/v2/deployments')) return json(response, 200, deployments);
  if (url.startsWith('/v2/queue')) return json(response, 200, { queue });
  if (!url.startsWith(`/v2/apps/${MEDIA}`) && !url.startsWith(`/v2/apps${MEDIA}`)) {
    return json(response, 404, { message: 'App does not exist' });
  }
  const running = tasks.filter(({ state }) => state === 'TASK_RUNNING').length;
  const counts = { instances, tasksRunning: running, tasksStaged: tasks.length - running };
  const rest = { tasksHealthy: running, tasksUnhealthy: 0, version: at(1_000) };
  const versionInfo = { lastScalingAt: at(1_000), lastConfigChangeAt: at(86_400_000) };
  const locks = deployments.map(({ id }) => ({ id }));
  const app = { id: MEDIA, ...counts, ...rest, versionInfo, deployments: locks, tasks };
  json(response, 200, { app });
}

export const withWorld = (
  world: Partial<World>,
  use: (terminal: p.Terminal, world: World, fake: Fake) => Promise<void>,
): Promise<void> => {
  const whole = { tasks: [], instances: 2, deployments: [], queue: [], ...world };
  return withFake(
    ({ url }, response) => answer(whole, url, response),
    (fake) => use({ env: { CARNA_MARATHON: fake.url } }, whole, fake),
  );
};

export const mediaNode = (id: string, appId = MEDIA): NodeRecord =>
  p.node('media', id, '10.0.3.1', { marathon: { taskId: id, appId, appVersion: at(86_400_000) } });

export const [ONE, TWO, THREE] = [taskId('1'), taskId('2'), taskId('3')];
export const withNodes = (...nodes: NodeRecord[]): Partial<OperatorData> => ({
  readTopology: async () => p.topology({ nodes: [p.LB, p.DISP1, p.DISP2, ...nodes] }),
  readTable: async () => [],
});
