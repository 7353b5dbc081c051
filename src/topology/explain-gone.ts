import { FLAGS_DISABLED, isSelectable } from './dispatcher-row.js';
import type { ExplainFacts } from './explain-facts.js';
import type { Ending, Step } from './explain-link.js';
import { breaks } from './explain-link.js';
import { liveTaskOf } from './explain-task.js';
import type { TaskFact } from './tasks.js';
import type { WitnessedRecord } from './node.js';
import { rowsLeft } from './explain-reach.js';
import { askedNodes, findingOf } from './witnessed.js';

/** The registry's link of a node without a znode: what is left of it, and who knows what. Pure. */
export function goneStep(facts: ExplainFacts): Step {
  const { nodeId, generation } = facts;
  const refused = facts.refused.find(({ what }) => what.startsWith(`nodes/${nodeId}~`));
  if (refused !== undefined) return refusedStep(refused.why);
  const witnessed = findingOf(generation?.witnessed, nodeId);
  const rows = rowsLeft(facts);
  if (witnessed !== undefined && witnessed.finding !== 'disagreed') {
    return vanishedStep(facts, witnessed);
  }
  const running = liveTaskOf(facts);
  if (running !== undefined && rows.length === 0) return unpublishedStep(running);
  const isOut = facts.intent !== null;
  if (rows.some((row) => (row.flags & FLAGS_DISABLED) === 0 || isOut)) {
    return vanishedStep(facts, null);
  }
  return leftStep(facts, rows.length > 0);
}

/** A task without a node. */
function unpublishedStep({ taskId, host, state }: TaskFact): Step {
  const ending = {
    fault: 'unpublished',
    cause: 'its task runs, but no node is published',
    meaning:
      'Nobody sends it calls. Its agent has only begun, cannot reach ZooKeeper, or ends and is started ' +
      'again: what it writes says which.',
    next: [
      `on ${host}: docker ps -a --filter label=MESOS_TASK_ID=${taskId}`,
      'then, with the id that it tells: docker logs --tail 50 ID',
    ],
  } as const;
  return breaks('registry', `no znode, although its task is ${state} on ${host}`, ending);
}

function refusedStep(why: string): Step {
  const ending = {
    fault: 'refused',
    cause: 'what its agent published was refused',
    meaning:
      'Nobody can read its znode, so it counts as vanished. Its agent and the reconcilers are probably of ' +
      'different versions.',
    next: ['carna topology', 'run the same version of Carna on its host'],
  } as const;
  return breaks('registry', `its znode was refused: ${why}`, ending);
}

/** Its znode vanished without a goodbye. `seen`: what the reconciler's own OPTIONS found; null = not told. */
function vanishedStep(facts: ExplainFacts, seen: WitnessedRecord | null): Step {
  const { nodeId } = facts;
  const times = { sinceMs: seen?.sinceMs ?? null, details: heldLines(facts) };
  const timeline = `carna timeline --node ${nodeId}`;
  const vanished = 'its znode vanished without a goodbye';
  if (seen?.finding === 'unsupervised') {
    const ending = {
      fault: 'unsupervised',
      cause: 'its agent is gone (its SIP server answers)',
      meaning:
        'Calls go on as before, unsupervised: nobody restarts or drains it, and nothing but Kamailio’s own ' +
        'pings notices when it dies. An agent that starts again takes the running server over.',
      next: [`start its agent again (in Marathon: its task)`, timeline],
    } as const;
    return breaks('registry', `${vanished}; it answers ${seen.destination}`, ending, times);
  }
  if (seen?.finding === 'silent') {
    const ending = {
      fault: 'silent',
      cause: 'it vanished and does not answer SIP',
      meaning:
        'Its host, its network or both servers on it are gone; calls that stood on it are lost. Its row is ' +
        'deleted after 40 s of silence unless a guard holds it.',
      next: ['look at its host', timeline, 'carna guard'],
    } as const;
    return breaks('registry', `${vanished}; ${seen.destination} does not answer`, ending, times);
  }
  const { unnamed } = askedNodes(facts.generation?.witnessed);
  if (seen === null && unnamed > 0 && facts.candidates.length > 0) {
    const text = `${vanished}; the leader does not name it among those that it asked`;
    return breaks('registry', text, unnamedEnding(unnamed, timeline), times);
  }
  const ending = unwitnessed(facts.candidates[0], timeline);
  return breaks('registry', `${vanished}; nobody has told whether it answers`, ending, times);
}

/** `unnamed`: of how many nodes the leader tells no more than their number. */
function unnamedEnding(unnamed: number, timeline: string): Ending {
  const meaning =
    `The leader counts ${unnamed} more nodes that it asked than it names, and this may be one of them: its row may ` +
    'have changed already, be about to, or be held by a guard.';
  const cause = 'its agent is gone, and whether its SIP server lives is not told by name';
  return { fault: 'unwitnessed', cause, meaning, next: ['carna guard', timeline] };
}

/** `leader`: who is going to ask it. */
function unwitnessed(leader: string | undefined, timeline: string): Ending {
  const common = {
    fault: 'unwitnessed',
    cause: 'its agent is gone, and whether its SIP server lives is not told yet',
  } as const;
  if (leader !== undefined) {
    const meaning = `It waits for the witness: ${leader} asks its SIP server with OPTIONS before anything changes.`;
    return { ...common, meaning, next: ['carna plan', timeline] };
  }
  const meaning =
    'No reconciler leads, so nobody asks it and its row stays as it is. Kamailio’s own pings take it out of ' +
    'use when it does not answer.';
  return { ...common, meaning, next: ['start a reconciler: carna reconciler', timeline] };
}

/** It said goodbye; a row or an intent may be left. */
function leftStep(facts: ExplainFacts, hasRow: boolean): Step {
  const { nodeId, intent, candidates } = facts;
  const left = hasRow ? 'its disabled row is left' : 'only the intent of an operator is left';
  const isDue = hasRow && candidates.length === 0;
  const meaning = !hasRow
    ? 'It gets no calls and there is nothing to save. A node of that name would drain at once.'
    : isDue
      ? 'It ended as planned. No reconciler leads, so nobody deletes its row; it gets no calls from it.'
      : 'It ended as planned. The reconciler deletes its row; it gets no calls from it meanwhile.';
  const next = [
    ...(isDue ? ['start a reconciler: carna reconciler'] : []),
    ...(hasRow ? ['carna plan'] : []),
    ...(intent === null ? [] : [`forget the intent: carna undrain ${nodeId}`]),
  ];
  const ending = { fault: 'gone', cause: 'it is gone', meaning, next } as const;
  return breaks('registry', `no znode: it is gone, ${left}`, ending);
}

/** What the guards say of its rows, for a chain that ends before their link. */
function heldLines(facts: ExplainFacts): string[] {
  const rows = rowsLeft(facts);
  const held = facts.generation?.held ?? [];
  const words = held.flatMap(({ setid, rule, why, count, destinations }) => {
    const here = rows.filter((row) => row.setid === setid);
    const because = `(${rule}): ${why}`;
    if (here.some(({ destination }) => destinations.includes(destination))) {
      return [`a guard holds its row in set ${setid} ${because}`];
    }
    if (here.length === 0 || count <= destinations.length) return [];
    const told = `${count} rows in set ${setid} and names ${destinations.length} of them`;
    return [`a guard holds ${told}, its row may be another ${because}`];
  });
  const kept = rows.filter((row) => isSelectable(row.flags)).map(({ setid }) => setid);
  const state = kept.length === 0 ? 'no row of it is active' : `active in set ${kept.join(', ')}`;
  return [...words, `table: ${'error' in facts.table ? 'not read' : state}`];
}
