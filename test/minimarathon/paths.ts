import { randomUUID } from 'node:crypto';

/** `base` + a relative path, with `..`; an absolute one stays. Always begins with a slash. Pure. */
export function absolutePath(path: string, base = '/'): string {
  const parts = path.startsWith('/') ? [] : base.split('/').filter((part) => part !== '');
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** The group that holds an app or a group. Pure. */
export function parentOf(path: string): string {
  return absolutePath('..', path);
}

/** Whether `path` is the group or lies below it. Pure. */
export function isWithin(path: string, group: string): boolean {
  return group === '/' || path === group || path.startsWith(`${group}/`);
}

/** A new instance's id: the app's path and a uuid. */
export function newInstanceId(runSpecId: string): string {
  return `${runSpecId.slice(1).replaceAll('/', '_')}.instance-${randomUUID()}`;
}

/** `<instance>.<container>.<incarnation>`; the container of an app is `_app`. Pure. */
export function taskIdOf(instanceId: string, container: string, incarnation: number): string {
  return `${instanceId}.${container}.${incarnation}`;
}

const TASK_ID =
  /^([^.]+)\.(instance-|marathon-)([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})(?:\.([^.]+)(?:\.(\d+))?)?$/;

/** The instance that a task id names, whatever its incarnation; undefined when Marathon could not parse it. Pure. */
export function instanceIdOf(taskId: string): string | undefined {
  const found = TASK_ID.exec(taskId);
  return found === null ? undefined : `${found[1]}.${found[2]}${found[3]}`;
}

/** The app of an instance's id. Pure. */
export function runSpecIdOf(instanceId: string): string {
  return `/${(instanceId.split('.')[0] ?? '').replaceAll('_', '/')}`;
}
