import type { ServerRuntime } from '../../agent/runtime/runtime.js';
export const openDockerRuntime = (..._: unknown[]): Promise<ServerRuntime> =>
  Promise.reject(new Error('x'));
export const openContainerObserver = openDockerRuntime;
