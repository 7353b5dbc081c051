import type { Doc } from './accept.js';
import type { Deployment } from './deployment.js';
import type { Instance, Task } from './instance.js';
import { actionJson } from './plan.js';
import type { Step } from './plan.js';

/** One event as it goes out: `eventType` and `timestamp` are in it. */
export type MarathonEvent = Doc & { readonly eventType: string };

const event = (eventType: string, members: Doc): MarathonEvent => ({
  eventType,
  timestamp: new Date().toISOString(),
  ...members,
});

/** Mesos told of a task. */
export function statusUpdate(instance: Instance, task: Task, message: string): MarathonEvent {
  return event('status_update_event', {
    slaveId: agentIdOf(task.hostname),
    taskId: task.id,
    taskStatus: task.state,
    message,
    appId: instance.spec.id,
    host: task.hostname,
    ipAddresses: [],
    ports: task.ports.filter((port) => port !== null),
    version: instance.spec.version,
  });
}

export function instanceChanged(instance: Instance): MarathonEvent {
  const host = instance.host?.hostname;
  return event('instance_changed_event', {
    instanceId: instance.id,
    condition: instance.condition,
    runSpecId: instance.spec.id,
    runSpecVersion: instance.spec.version,
    ...(host === undefined ? {} : { agentId: agentIdOf(host), host }),
  });
}

export function instanceHealthChanged(instance: Instance): MarathonEvent {
  return event('instance_health_changed_event', {
    instanceId: instance.id,
    runSpecId: instance.spec.id,
    healthy: instance.healthy,
    runSpecVersion: instance.spec.version,
  });
}

/** A task ended whose instance had been given up. */
export function unknownInstanceTerminated(instance: Instance): MarathonEvent {
  return event('unknown_instance_terminated_event', {
    instanceId: instance.id,
    runSpecId: instance.spec.id,
    condition: 'Killed',
  });
}

export function appTerminated(appId: string): MarathonEvent {
  return event('app_terminated_event', { appId });
}

export function groupChanged(groupId: string, version: string): MarathonEvent {
  return event('group_change_success', { groupId, version });
}

export function apiPost(clientIp: string, uri: string, appDefinition: Doc): MarathonEvent {
  return event('api_post_event', { clientIp, uri, appDefinition });
}

export function podEvent(verb: 'created' | 'updated' | 'deleted', uri: string): MarathonEvent {
  return event(`pod_${verb}_event`, { clientIp: '127.0.0.1', uri });
}

export function streamAttached(remoteAddress: string): MarathonEvent {
  return event('event_stream_attached', { remoteAddress });
}

export function streamDetached(remoteAddress: string): MarathonEvent {
  return event('event_stream_detached', { remoteAddress });
}

/** A deployment's step begins, or is over. */
export function deploymentStep(
  type: 'deployment_info' | 'deployment_step_success' | 'deployment_step_failure',
  deployment: Deployment,
  step: Step,
): MarathonEvent {
  return event(type, { plan: planJson(deployment), currentStep: stepJson(step) });
}

export function deploymentSuccess(deployment: Deployment): MarathonEvent {
  return event('deployment_success', { id: deployment.id, plan: planJson(deployment) });
}

export function deploymentFailed(deployment: Deployment, reason: string): MarathonEvent {
  return event('deployment_failed', { id: deployment.id, plan: planJson(deployment), reason });
}

/** A step as the API writes it. */
export function stepJson(step: Step): Doc {
  return { actions: step.map(actionJson) };
}

function planJson(deployment: Deployment): Doc {
  const { id, version, plan } = deployment;
  return { id, steps: plan.steps.map(stepJson), version };
}

/** Mesos' name of a host's agent. */
export function agentIdOf(hostname: string): string {
  return `minimesos-${hostname.replace(/[^a-zA-Z0-9]/g, '-')}-S0`;
}
