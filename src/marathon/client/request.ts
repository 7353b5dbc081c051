import { InvalidInputError } from '../../util/errors.js';

/** One request to Marathon's API, before it is known which Marathon gets it. */
export interface ApiRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Begins with `/v2/`; with the query; already encoded. */
  readonly path: string;
  /** JSON text. */
  readonly body?: string;
  /** It only asks, whatever its method. */
  readonly isDryRun?: true;
}

/** A request that changes nothing: it may be repeated, and a lost answer leaves nothing open. Pure. */
export function isRead({ method, isDryRun }: ApiRequest): boolean {
  return method === 'GET' || isDryRun === true;
}

/** Each name of an app's or group's path, as Marathon checks it. */
const SEGMENT = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/** More than an app may have; a guard against a caller that multiplies. */
const MAX_INSTANCES = 100_000;

/** How many tasks one call may kill. */
export const MAX_KILLED = 1_000;

/** GET of all apps, with counts and deployments, without tasks. Pure. */
export function appsRequest(): ApiRequest {
  return { method: 'GET', path: '/v2/apps' };
}

/** GET of one app with its tasks. Throws InvalidInputError for an impossible id. Pure. */
export function appRequest(appId: string): ApiRequest {
  return { method: 'GET', path: appPath(appId) };
}

/** GET of what exists by that name: `tasks`, `deployments`, `queue`, `info` or `leader`. Pure. */
export function listRequest(
  name: 'tasks' | 'deployments' | 'queue' | 'info' | 'leader',
): ApiRequest {
  return { method: 'GET', path: `/v2/${name}` };
}

/** Sets only the number of instances; never forced. Throws InvalidInputError. Pure. */
export function scaleRequest(appId: string, instances: number): ApiRequest {
  if (!Number.isInteger(instances) || instances < 0 || instances > MAX_INSTANCES) {
    throw new InvalidInputError(
      `instances of ${appId}`,
      `expected 0 to ${MAX_INSTANCES}, found ${instances}`,
    );
  }
  return { method: 'PUT', path: appPath(appId), body: JSON.stringify({ instances }) };
}

/**
 * Replaces an app's whole definition: what it does not name falls back to Marathon's default, `instances`
 * too (1), so that it must be there. Never forced. Throws InvalidInputError. Pure.
 */
export function appPutRequest(
  appId: string,
  definition: Readonly<Record<string, unknown>>,
): ApiRequest {
  if (!Number.isInteger(definition['instances'])) {
    throw new InvalidInputError(`definition of ${appId}`, 'expected its number of instances');
  }
  const path = `${appPath(appId)}?partialUpdate=false`;
  return { method: 'PUT', path, body: JSON.stringify(definition) };
}

/** Changes only the named members of an app's definition; never forced. Throws InvalidInputError. Pure. */
export function appUpdateRequest(
  appId: string,
  update: Readonly<Record<string, unknown>>,
): ApiRequest {
  return { method: 'PUT', path: appPath(appId), body: JSON.stringify(update) };
}

/** Replaces all tasks of an app, its definition unchanged; never forced. Throws InvalidInputError. Pure. */
export function restartRequest(appId: string): ApiRequest {
  return { method: 'POST', path: `${appPath(appId)}/restart` };
}

/** Kills exactly these tasks and lowers the instances by their number, in one call; never forced. Throws InvalidInputError. Pure. */
export function killAndScaleRequest(taskIds: readonly string[]): ApiRequest {
  if (taskIds.length < 1 || taskIds.length > MAX_KILLED) {
    throw new InvalidInputError(
      'tasks to kill',
      `expected 1 to ${MAX_KILLED}, found ${taskIds.length}`,
    );
  }
  if (new Set(taskIds).size !== taskIds.length || taskIds.includes('')) {
    throw new InvalidInputError('tasks to kill', 'an id is empty or stands there twice');
  }
  return {
    method: 'POST',
    path: '/v2/tasks/delete?scale=true',
    body: JSON.stringify({ ids: taskIds }),
  };
}

/** Puts a group's definition; with `isDryRun` Marathon only says which steps it would take. Throws InvalidInputError. Pure. */
export function groupRequest(
  groupId: string,
  definition: Readonly<Record<string, unknown>>,
  isDryRun: boolean,
): ApiRequest {
  const query = isDryRun ? '?dryRun=true' : '';
  return {
    method: 'PUT',
    path: `/v2/groups${encodedPath('group', groupId)}${query}`,
    body: JSON.stringify(definition),
    ...(isDryRun ? { isDryRun } : {}),
  };
}

/** Ends a deployment: rolled back by a new one, or, with `isForced`, left where it stands. Throws InvalidInputError. Pure. */
export function cancelRequest(deploymentId: string, isForced: boolean): ApiRequest {
  if (!/^[\w.-]{1,128}$/.test(deploymentId)) {
    throw new InvalidInputError('deployment', 'expected an id of letters, digits, dots and dashes');
  }
  return {
    method: 'DELETE',
    path: `/v2/deployments/${deploymentId}${isForced ? '?force=true' : ''}`,
  };
}

/** The stream of events of these types, of all when there is none. Pure. */
export function eventsRequest(types: readonly string[]): ApiRequest {
  const query = types.map((type) => `event_type=${encodeURIComponent(type)}`).join('&');
  return { method: 'GET', path: query === '' ? '/v2/events' : `/v2/events?${query}` };
}

/** How an error names the request: without the query. Pure. */
export function nameOf(request: ApiRequest): string {
  return `${request.method} ${request.path.split('?')[0] ?? ''}`;
}

function appPath(appId: string): string {
  return `/v2/apps${encodedPath('app', appId)}`;
}

/** Names only: `..`, `::status` or a query in an id would address something else. */
function encodedPath(what: string, id: string): string {
  const names = id.replace(/^\//, '').split('/');
  if (names.every((name) => SEGMENT.test(name))) return `/${names.join('/')}`;
  throw new InvalidInputError(
    `${what} ${JSON.stringify(id)}`,
    'expected a path like /carna/dc1/media',
  );
}
