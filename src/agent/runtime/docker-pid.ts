import { readdirSync, readFileSync } from 'node:fs';

/**
 * The main process of a container as this process sees it; null where its PID namespace is another one or its
 * control group is hidden. Reads /proc once.
 */
export function visibleMainPid(containerId: string): number | null {
  const members = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const parent = parentInContainer(pid, containerId);
    if (parent !== null) members.set(pid, parent);
  }
  for (const [pid, parent] of members) if (!members.has(parent)) return pid;
  return null;
}

/** The parent's pid; null when the process is no member of the container or has ended. */
function parentInContainer(pid: number, containerId: string): number | null {
  try {
    if (!readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(containerId)) return null;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; the state and the parent follow the last one.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    return Number.isInteger(parent) ? parent : null;
  } catch {
    return null;
  }
}
