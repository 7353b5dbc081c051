import { z } from 'zod';
import { InvalidInputError } from '../../util/errors.js';
import { fit } from './answers-codec.js';

/** What an event may tell. A hint of where to look, never a fact to act on: events are late, out of order, or lost. */
export type MarathonEvent =
  | {
      readonly kind: 'task';
      readonly appId: string;
      readonly taskId: string;
      readonly state: string;
    }
  | {
      readonly kind: 'instance';
      readonly appId: string;
      readonly instanceId: string;
      readonly condition: string;
    }
  | {
      readonly kind: 'health';
      readonly appId: string;
      readonly instanceId: string;
      /** null: not known yet. */
      readonly isHealthy: boolean | null;
    }
  | { readonly kind: 'deployment'; readonly deploymentId: string; readonly hasSucceeded: boolean }
  | { readonly kind: 'other'; readonly type: string };

const id = z.string().min(1);

const task = z.object({ appId: id, taskId: id, taskStatus: id });
const instance = z.object({ runSpecId: id, instanceId: id, condition: id });
const health = z.object({
  runSpecId: id,
  instanceId: id,
  healthy: z.boolean().nullish(),
});
const deployment = z.object({ id });

/** The types of the events that are read; all others are of kind `other`. */
export const READ_EVENTS = [
  'status_update_event',
  'instance_changed_event',
  'instance_health_changed_event',
  'deployment_success',
  'deployment_failed',
] as const;

/** The event in a `data:` line. Throws InvalidInputError naming what does not fit. Pure. */
export function readEvent(data: string): MarathonEvent {
  const json = toJson(data);
  const type = fit('event', z.object({ eventType: id }), json).eventType;
  switch (type) {
    case 'status_update_event': {
      const { appId, taskId, taskStatus } = fit(type, task, json);
      return { kind: 'task', appId, taskId, state: taskStatus };
    }
    case 'instance_changed_event': {
      const { runSpecId, instanceId, condition } = fit(type, instance, json);
      return { kind: 'instance', appId: runSpecId, instanceId, condition };
    }
    case 'instance_health_changed_event': {
      const { runSpecId, instanceId, healthy } = fit(type, health, json);
      return { kind: 'health', appId: runSpecId, instanceId, isHealthy: healthy ?? null };
    }
    case 'deployment_success':
    case 'deployment_failed': {
      const deploymentId = fit(type, deployment, json).id;
      return { kind: 'deployment', deploymentId, hasSucceeded: type === 'deployment_success' };
    }
    default:
      return { kind: 'other', type };
  }
}

function toJson(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new InvalidInputError('event', 'expected JSON', { cause });
  }
}
