/** `<instance>._app.<incarnation>` without the incarnation; undefined for an id of another form. Pure. */
export function instanceOf(taskId: string): string | undefined {
  return /^(.+\.(?:instance-|marathon-)[^.]+)\.[^.]+\.\d+$/.exec(taskId)?.[1];
}

/**
 * Which of the listed tasks is a later life of the same instance; undefined when none is. It is another
 * task, and another node: an instance keeps its name when it is launched again. Pure.
 */
export function relaunchOf(taskId: string, listed: readonly string[]): string | undefined {
  const instance = instanceOf(taskId);
  if (instance === undefined) return undefined;
  return listed.find((other) => other !== taskId && instanceOf(other) === instance);
}
