import type { AgentReport, CheckReport, ExplainFacts } from './explain-facts.js';
import { recordOf } from './explain-facts.js';
import type { Ending, Step } from './explain-link.js';
import { breaks, holds, unseen } from './explain-link.js';
import type { NodeRecord } from './node.js';
import { destinationUri } from './node.js';

/** Whether a SIP server runs, by its agent's word. Pure. */
export function processStep(facts: ExplainFacts): Step {
  const report = reportOf(facts);
  if (typeof report === 'string') return unseen('process', report);
  const { server } = report;
  if (server === null) return unseen('process', 'its agent does not say');
  const lastExit = server.lastExit === null ? '' : `, last exit: ${server.lastExit}`;
  const starts = server.starts ?? 0;
  if (server.name === null) {
    return breaks('process', `no SIP server runs${lastExit}`, {
      fault: 'not-running',
      cause: 'its SIP server does not run',
      meaning:
        'Calls that stood on it are lost. Its agent starts the server again by itself, later each time; ' +
        'the node gets calls when its checks succeed.',
      next: [`carna timeline --node ${facts.nodeId}`, 'its agent’s log says why it ends'],
    });
  }
  const again = starts > 1 ? `, start ${starts} by this agent${lastExit}` : '';
  return holds('process', `${server.name} runs${again}`, { details: report.notes });
}

/** Whether the server does its work, by its agent's checks. Pure. */
export function checksStep(facts: ExplainFacts): Step {
  const report = reportOf(facts);
  if (typeof report === 'string') return unseen('checks', 'not seen: they are its agent’s');
  const { checks, health, quarantine } = report;
  const failed = checks.filter(({ verdict }) => verdict === 'fail');
  const first = failed[0];
  if (health === null) return unseen('checks', 'its agent does not say');
  if (first !== undefined && !health.isUp) return failing(facts, first, failed);
  if (quarantine !== null) return quarantined(facts, quarantine);
  if (first !== undefined) {
    const text = `${first.check}: ${first.text} (${health.streak} in a row, not yet enough to judge)`;
    return unseen('checks', text, { sinceMs: first.sinceMs });
  }
  if (checks.length === 0) return unseen('checks', 'none was made yet');
  const good = checks.filter(({ verdict }) => verdict === 'ok');
  const slowest = Math.max(...checks.map(({ latencyMs }) => latencyMs));
  const text = `${good.length} of ${checks.length} good (${names(checks)}), slowest ${tenth(slowest)} ms`;
  return holds('checks', text, { atMs: Math.max(...checks.map(({ atMs }) => atMs)) });
}

function failing(facts: ExplainFacts, first: CheckReport, failed: readonly CheckReport[]): Step {
  const details = failed.slice(1).map(({ check, text }) => `${check}: ${text}`);
  const record = recordOf(facts);
  const uri = record?.sip[0] === undefined ? null : destinationUri(record.sip[0]);
  const ending = {
    fault: 'checks-fail',
    cause: `its ${names(failed)} ${failed.length === 1 ? 'check fails' : 'checks fail'}`,
    meaning:
      'Its agent took it out of use. Calls on it may be stuck. It comes back by itself when the checks ' +
      'succeed again; its server is not restarted for that.',
    next: [
      `carna timeline --node ${facts.nodeId}`,
      ...(uri === null ? [] : [`on its host: sipsak -vv -s ${uri}`]),
    ],
  } as const;
  const times = { sinceMs: first.sinceMs, details };
  return breaks('checks', `${first.check}: ${first.text}`, ending, times);
}

function quarantined(
  facts: ExplainFacts,
  { untilMs, times }: NonNullable<AgentReport['quarantine']>,
): Step {
  const nth = times > 1 ? `, quarantine ${times} in a row` : '';
  const ending = {
    fault: 'quarantined',
    cause: 'it flaps and is quarantined',
    meaning:
      'It went up and down too often, so its agent keeps it down although its checks succeed. It comes ' +
      'back by itself when the quarantine ends; each one in a row lasts twice as long.',
    next: [`carna timeline --node ${facts.nodeId} --last 10`],
  } as const;
  return breaks('checks', `they succeed, but it flaps: quarantined${nth}`, ending, { untilMs });
}

/** An operator's will, and a drain without one. Pure. */
export function intentStep(facts: ExplainFacts): Step {
  const record = recordOf(facts);
  const { intent, nodeId } = facts;
  if (intent === null && record?.state !== 'draining') return holds('intent', 'none');
  const ends = callsLeft(facts);
  if (intent === null) {
    const ending = {
      fault: 'draining',
      cause: 'it drains, because its agent was told to stop',
      meaning: `${ends} Then its server stops and its znode goes: somebody or Marathon stops its task.`,
      next: [`carna timeline --node ${nodeId}`],
    } as const;
    const text = `none, but it drains: ${record?.reason ?? ''}`;
    return breaks('intent', text, ending, { sinceMs: record?.since ?? null });
  }
  const { want, by, why, since, deadline, now } = intent;
  const announced = record?.state === 'up' ? ', not yet announced by its agent' : '';
  const verb = want === 'drain' ? 'a drain' : 'maintenance';
  const ending = {
    fault: 'draining',
    cause: `${by} asked for ${verb}`,
    meaning: now ? 'Nobody waits for the calls on it.' : ends,
    next: [`carna drain ${nodeId} --wait`, `take it back: carna undrain ${nodeId}`],
  } as const;
  const text = `${want} asked by ${by}${why === '' ? '' : `: ${why}`}${announced}`;
  return breaks(
    'intent',
    text,
    ending,
    deadline === null ? { sinceMs: since } : { untilMs: deadline },
  );
}

function callsLeft({ agent }: ExplainFacts): string {
  const calls = agent.kind === 'told' ? agent.report.calls : null;
  if (calls === 0) return 'No call is on it now.';
  const now = calls === null ? '' : `: ${calls} now`;
  return `Calls on it go on until they end by themselves${now}.`;
}

/** The agent's report, or why there is none that speaks of this node. */
function reportOf({ agent, nodeId }: ExplainFacts): AgentReport | string {
  switch (agent.kind) {
    case 'told': {
      const said = agent.report.nodeId;
      if (said === null || said === nodeId) return agent.report;
      return `not seen: the agent of ${said} answers in its place`;
    }
    case 'unreachable':
      return `not seen: its agent at ${agent.http} did not answer from here (${agent.why})`;
    case 'no-http':
      return 'not seen: its agent has no HTTP server';
    case 'nobody':
      return 'not seen: no znode says where its agent is';
  }
}

/** What its agent published. Only for a node with a znode. Pure. */
export function publishedStep(facts: ExplainFacts, record: NodeRecord): Step {
  const { state, reason, since, agent } = record;
  const times = { sinceMs: since };
  const isOut = facts.intent !== null;
  if (state === 'starting')
    return breaks('registry', `published as starting: ${reason}`, starting(facts), times);
  if (state === 'down' && !isOut)
    return breaks('registry', `published as down: ${reason}`, down(facts, reason), times);
  const said = `published as ${state}`;
  const lost = facts.agent.kind === 'told' ? facts.agent.report.registry : null;
  if (lost === null || lost === 'connected') {
    return holds('registry', `${said} by its agent ${agent.version}`, {
      ...times,
      details: doubt(facts),
    });
  }
  return unseen('registry', `${said}, but its agent’s connection to ZooKeeper is ${lost}`, times);
}

/** An agent that does not answer may be dead already. */
function doubt({ agent }: ExplainFacts): string[] {
  if (agent.kind !== 'unreachable') return [];
  return ['an agent that was killed keeps its znode for one session time-out: look again'];
}

function starting({ nodeId }: ExplainFacts): Ending {
  return {
    fault: 'starting',
    cause: 'it is starting',
    meaning:
      'It gets calls when its checks have succeeded (beside a Kamailio: and its list is proven).',
    next: [`carna timeline --follow --node ${nodeId}`],
  };
}

function down({ nodeId }: ExplainFacts, reason: string): Ending {
  return {
    fault: 'down',
    cause: `its agent says that it is down (${reason})`,
    meaning:
      'It comes back by itself when its checks succeed. After 10 minutes down its row is deleted, and made ' +
      'anew when it returns.',
    next: [`carna timeline --node ${nodeId}`],
  };
}

function names(checks: readonly CheckReport[]): string {
  return checks.map(({ check }) => check).join(', ');
}

function tenth(ms: number): string {
  return String(Math.round(ms * 10) / 10);
}
