import type { MarathonApp } from '../../marathon/client/answers.js';
import { chooseVictims } from '../../marathon/scale/choose-victims.js';
import type { InGoal } from '../../marathon/scale/in-step.js';
import type { Member } from '../../marathon/scale/member.js';
import { isActive } from '../../marathon/scale/member.js';
import type { DrainCheck } from '../../topology/drain-check.js';
import { checkJointDrain } from '../../topology/drain-check.js';
import type { Role } from '../../topology/node.js';
import { DEFAULT_WIRING } from '../../topology/wiring.js';
import { readLoads } from '../load-reader.js';
import type { TopologyData } from '../operator-data.js';
import { plural } from '../render/units.js';
import type { Picture } from './picture.js';
import type { ScaleRun } from './run.js';
import { lockText } from './scale-out.js';
import type { Subject } from './teller.js';

/** Who goes from one app. */
export interface InPlan {
  readonly subject: Subject;
  readonly goal: InGoal;
  readonly victims: readonly Member[];
  /** Instances before. */
  readonly instances: number;
  /** Instances without a task. */
  readonly waiting: number;
  /** Deployments that are under way. */
  readonly deploymentIds: readonly string[];
}

/** A plan, or why there is none. */
export type Planned = { readonly kind: 'plan'; readonly plan: InPlan } | Impossible;

interface Impossible {
  readonly kind: 'impossible';
  readonly lines: readonly string[];
}

/** The plan that brings an app down to `target` instances. Pure. */
export function planDownTo(
  subject: Subject,
  app: MarathonApp,
  picture: Picture,
  target: number,
  options: { readonly isForced: boolean; readonly mayCancelWaiting: boolean },
): Planned {
  const { victims } = chooseVictims(candidatesOf(app, picture.members), app.instances - target);
  const waiting = waitingOf(app);
  if (waiting > 0 && !options.mayCancelWaiting)
    return whyNotWhileWaiting(subject, app, target, waiting);
  if (victims.length < app.instances - target) {
    const why = `${app.id} has ${plural(victims.length, 'task')} that could go, ${app.instances - target} would have to`;
    return { kind: 'impossible', lines: [`${why}. See: carna topology`] };
  }
  return planFor(subject, app, victims, target, options);
}

/** The plan that takes exactly these tasks of an app away; one fewer instance for each. Pure. */
export function planFor(
  subject: Subject,
  app: MarathonApp,
  victims: readonly Member[],
  target: number | null,
  options: { readonly isForced: boolean; readonly mayCancelWaiting: boolean },
): Planned {
  const unknown = victims.find(({ isUnsupervised }) => isUnsupervised);
  if (unknown !== undefined && !options.isForced) {
    const line = `${unknown.nodeId} has no znode: nobody can drain it, or tell whether calls are on it.`;
    return {
      kind: 'impossible',
      lines: [
        line,
        'Wait until its agent is back, or until its row is gone (a node that answers nothing loses it soon); or: --force',
      ],
    };
  }
  const waiting = waitingOf(app);
  const { deploymentIds, instances } = app;
  const goal = {
    appId: app.id,
    target,
    victims: victims.map(({ taskId }) => taskId),
    mayCancel: options.mayCancelWaiting && waiting > 0 ? deploymentIds : [],
    isForced: options.isForced,
  };
  return { kind: 'plan', plan: { subject, goal, victims, instances, waiting, deploymentIds } };
}

/** What floor and headroom say to all victims of a role together; by role. */
export async function checkPlans(
  run: Pick<ScaleRun, 'data' | 'limits'>,
  plans: readonly InPlan[],
  { nodes, intents }: Pick<TopologyData, 'nodes' | 'intents'>,
): Promise<ReadonlyMap<Role, DrainCheck>> {
  const victims = plans.flatMap((plan) => plan.victims);
  // By what is known now: who left since the plan takes nothing away.
  const records = victims.flatMap(({ nodeId }) => nodes.get(nodeId)?.record ?? []);
  const checks = new Map<Role, DrainCheck>();
  for (const role of new Set(records.map((record) => record.role))) {
    const nodeIds = records.filter((r) => r.role === role).map(({ nodeId }) => nodeId);
    const peers = new Map([...nodes].filter(([, { record }]) => record.role === role));
    const calls = await readLoads(run.data, peers, MAX_PEERS_ASKED);
    const { limits } = run;
    checks.set(
      role,
      checkJointDrain({ nodes, intents, wiring: DEFAULT_WIRING, calls, nodeIds, limits }),
    );
  }
  return checks;
}

/** Agents of one role that are asked for their calls. */
const MAX_PEERS_ASKED = 1_000;

/** Marathon kills running nodes before waiting instances, whoever lowers the number and however. */
function whyNotWhileWaiting(
  subject: Subject,
  app: MarathonApp,
  target: number,
  waiting: number,
): Impossible {
  const name = subject.role ?? app.id;
  const runs = app.instances - waiting;
  const rest = Math.max(0, target - waiting);
  const held = app.deploymentIds.length > 0 ? `, held by ${lockText(app.deploymentIds)}` : '';
  return {
    kind: 'impossible',
    lines: [
      `${name}: of ${plural(app.instances, 'instance')} ${runs} run and ${waiting} wait for offers${held}; nothing was changed.`,
      'Marathon takes waiting instances away last: a smaller number, or the rollback of the deployment, kills RUNNING nodes first.',
      'Make room for them (they start by themselves), or leave them: they cost nothing.',
      `If ${target} must be the number now: --cancel-waiting ends the deployment where it stands and takes ${app.instances - target} of the running nodes, drained; ${rest} would run until offers come.`,
    ],
  };
}

/** A lost host's task that was replaced already counts for nothing in Marathon: killing it lowers no number. */
function candidatesOf(app: MarathonApp, members: readonly Member[]): readonly Member[] {
  const isReplaced = app.tasks.filter(isActive).length >= app.instances;
  return members.filter(({ taskState }) => !isReplaced || taskState !== 'TASK_UNREACHABLE');
}

function waitingOf(app: MarathonApp): number {
  const unreachable = app.tasks.filter(({ state }) => state === 'TASK_UNREACHABLE').length;
  const tasks = app.tasks.filter(isActive).length + unreachable;
  return Math.max(0, app.instances - tasks);
}
