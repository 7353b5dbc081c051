import { z } from 'zod';
import { InvalidInputError } from '../../util/errors.js';
import type {
  MarathonApp,
  MarathonDeployment,
  MarathonInfo,
  MarathonTask,
  QueueItem,
  Refusal,
  Started,
  Step,
} from './answers.js';

/** How many misfits an error names. */
const MAX_MISFITS = 5;

const STATES = [
  'TASK_ERROR',
  'TASK_FAILED',
  'TASK_FINISHED',
  'TASK_KILLED',
  'TASK_KILLING',
  'TASK_RUNNING',
  'TASK_STAGING',
  'TASK_STARTING',
  'TASK_UNREACHABLE',
  'TASK_UNKNOWN',
  'TASK_GONE',
  'TASK_DROPPED',
  'TASK_LOST',
  'TASK_GONE_BY_OPERATOR',
] as const;

const count = z.int().min(0);
const id = z.string().min(1);
/** Marathon writes some absent values as null. */
const orNull = <T>(schema: z.ZodType<T>) => schema.nullish().transform((value) => value ?? null);

const task = z.object({
  id,
  appId: id,
  host: id,
  state: z.enum(STATES),
  ports: orNull(z.array(count)).transform((ports) => ports ?? []),
  startedAt: orNull(z.string()),
  stagedAt: orNull(z.string()),
  version: orNull(z.string()),
});

const app = z.object({
  id,
  instances: count,
  version: orNull(z.string()),
  tasksRunning: count,
  tasksStaged: count,
  tasksUnhealthy: count,
  tasksHealthy: count.optional(),
  deployments: z.array(z.object({ id })).transform((list) => list.map((entry) => entry.id)),
  tasks: z.array(task).optional(),
  versionInfo: orNull(z.object({ lastConfigChangeAt: z.string() })),
});

const step = z
  .object({
    actions: z.array(z.object({ action: id, app: orNull(z.string()), pod: orNull(z.string()) })),
  })
  .transform((value) => value.actions);

const deployment = z
  .object({
    id,
    affectedApps: z.array(id),
    affectedPods: orNull(z.array(id)).transform((pods) => pods ?? []),
    currentStep: count,
    totalSteps: count,
    steps: orNull(z.array(step)),
  })
  .transform(({ steps, ...rest }) => {
    const restarts = steps?.flat().filter(({ action }) => action === 'RestartApplication');
    return { ...rest, restartedApps: restarts?.flatMap(({ app }) => (app === null ? [] : [app])) };
  });

const reject = z.object({ reason: id, declined: z.number(), processed: z.number() });

const queueItem = z
  .object({
    app: z.object({ id }).optional(),
    pod: z.object({ id }).optional(),
    count,
    delay: z.object({ timeLeftSeconds: z.number(), overdue: z.boolean() }),
    processedOffersSummary: z
      .object({ rejectSummaryLastOffers: orNull(z.array(reject)) })
      .optional(),
  })
  .refine((item) => item.app !== undefined || item.pod !== undefined, 'neither app nor pod')
  .transform((item) => ({
    id: item.app?.id ?? item.pod?.id ?? '',
    missing: item.count,
    delayS: item.delay.timeLeftSeconds,
    rejects: item.processedOffersSummary?.rejectSummaryLastOffers ?? [],
  }));

const started = z.object({ deploymentId: id, version: id });

const info = z.object({
  name: z.string(),
  version: id,
  elected: z.boolean(),
  leader: orNull(z.string()),
  frameworkId: orNull(z.string()),
});

const refusal = z.object({
  message: z.string(),
  details: z
    .union([
      z.string(),
      z.array(z.object({ path: z.string().optional(), errors: z.array(z.string()).optional() })),
    ])
    .optional(),
  deployments: z.array(z.object({ id })).optional(),
});

/** GET /v2/apps. Throws InvalidInputError naming what does not fit, as all here do. Pure. */
export function readAppsAnswer(what: string, json: unknown): readonly MarathonApp[] {
  return fit(what, z.object({ apps: z.array(app) }), json).apps.map(toApp);
}

/** GET /v2/apps/{id}; an answer without tasks is refused: they are always there. */
export function readAppAnswer(what: string, json: unknown): MarathonApp {
  const withTasks = app.extend({ tasks: z.array(task) });
  return toApp(fit(what, z.object({ app: withTasks }), json).app);
}

/** GET /v2/apps/{id} as it is: what Carna does not read is kept. */
export function readDefinitionAnswer(
  what: string,
  json: unknown,
): Readonly<Record<string, unknown>> {
  return fit(what, z.object({ app: z.looseObject({ id, instances: count }) }), json).app;
}

/** GET /v2/tasks. */
export function readTasksAnswer(what: string, json: unknown): readonly MarathonTask[] {
  return fit(what, z.object({ tasks: z.array(task) }), json).tasks;
}

/** GET /v2/deployments. */
export function readDeploymentsAnswer(what: string, json: unknown): readonly MarathonDeployment[] {
  return fit(what, z.array(deployment), json);
}

/** GET /v2/queue. */
export function readQueueAnswer(what: string, json: unknown): readonly QueueItem[] {
  return fit(what, z.object({ queue: z.array(queueItem).nullish() }), json).queue ?? [];
}

/** GET /v2/info. */
export function readInfoAnswer(what: string, json: unknown): MarathonInfo {
  return fit(what, info, json);
}

/** GET /v2/leader: `host:port`. */
export function readLeaderAnswer(what: string, json: unknown): string {
  return fit(what, z.object({ leader: id }), json).leader;
}

/** What a change answers; a list of tasks (a kill without scaling) does not fit. */
export function readStartedAnswer(what: string, json: unknown): Started {
  return fit(what, started, json);
}

/** PUT of a group with dryRun: the steps; an answer that names a deployment does not fit. */
export function readStepsAnswer(what: string, json: unknown): readonly Step[] {
  return fit(what, z.object({ steps: z.array(step) }), json).steps;
}

/** The body of a 4xx, or undefined when Marathon did not write it. Never throws. */
export function readRefusal(json: unknown): Refusal | undefined {
  const result = refusal.safeParse(json);
  if (!result.success) return undefined;
  const { message, details, deployments } = result.data;
  const faults = typeof details === 'string' ? [details] : (details ?? []).map(faultText);
  return {
    message: [message, ...faults].join('; '),
    deploymentIds: deployments?.map((entry) => entry.id),
  };
}

/** The value as the schema has it; unknown members are left out. Throws InvalidInputError. Pure. */
export function fit<T>(what: string, schema: z.ZodType<T>, json: unknown): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const why = result.error.issues
    .slice(0, MAX_MISFITS)
    .map((issue) => `${issue.path.join('.') || 'the answer'}: ${issue.message}`);
  throw new InvalidInputError(what, why.join('; '));
}

function toApp(found: z.infer<typeof app>): MarathonApp {
  const { deployments, tasks, versionInfo, ...rest } = found;
  const configChangedAt = versionInfo?.lastConfigChangeAt ?? null;
  return { ...rest, configChangedAt, deploymentIds: deployments, tasks: tasks ?? [] };
}

function faultText(fault: { path?: string | undefined; errors?: string[] | undefined }): string {
  return `${fault.path ?? '/'}: ${(fault.errors ?? []).join(', ')}`;
}
