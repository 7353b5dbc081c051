import type { Definition, Killed } from './definition.js';
import type { Finding, LintFacts } from './finding.js';
import { numberOf, shown } from './json.js';

/** From the end of the longest drain to the end of the task: say goodbye, stop the server, exit. */
export const GRACE_MARGIN_S = 60;

/** A grace shorter than the longest drain ends calls by SIGKILL. */
export function lintDrainGrace(of: Definition, facts: LintFacts): Finding[] {
  if (of.role === null) return [];
  return of.killed.flatMap((killed) => lintOne(of, killed, facts));
}

function lintOne(of: Definition, killed: Killed, facts: LintFacts): Finding[] {
  const said = killed.variables.get('CARNA_DRAIN_DEADLINE_MS');
  const drainMs = said === undefined || said === '' ? facts.drainDeadlineMs : Number(said);
  const { path, value } = killed.grace;
  if (!Number.isFinite(drainMs)) return [];
  const neededS = Math.ceil(drainMs / 1000) + GRACE_MARGIN_S;
  const grace = numberOf(killed.grace);
  if ((grace === null && value !== undefined) || (grace ?? 0) >= neededS) return [];
  const absent = of.kind === 'app' ? 'nothing, which means 5 s' : 'nothing, which means 3 s';
  const field = of.kind === 'app' ? 'taskKillGracePeriodSeconds' : 'killGracePeriodSeconds';
  return [
    {
      path,
      rule: 'drain-grace',
      reason:
        of.kind === 'app'
          ? 'a drain that is not over by then ends with SIGKILL, with the calls still on the node'
          : 'all containers get SIGTERM together, and SIGKILL when their grace is over: the calls of a longer drain are cut',
      expected: `at least ${neededS} s: CARNA_DRAIN_DEADLINE_MS (${drainMs / 1000} s${said === undefined ? ', its default' : ''}) + ${GRACE_MARGIN_S} s`,
      found: value === undefined ? absent : `${shown(value)} s`,
      todo: `set "${field}": ${neededS}, or a shorter CARNA_DRAIN_DEADLINE_MS`,
    },
  ];
}
