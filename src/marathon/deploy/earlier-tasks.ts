import type { MarathonApp } from '../client/answers.js';

/**
 * Tasks that still run an earlier definition than the app's, as after a restart that was ended half-way. Versions are
 * times; a change of the number of instances alone makes a new one, and no task earlier. Pure.
 */
export function earlierTasksOf({ tasks, configChangedAt }: MarathonApp): readonly string[] {
  const changedMs = Date.parse(configChangedAt ?? '');
  return tasks.filter(({ version }) => Date.parse(version ?? '') < changedMs).map(({ id }) => id);
}
