import { readdirSync, readFileSync } from 'node:fs';
import { LabError } from '../../util/errors.js';
import type { ProcessIdentity } from '../parts/daemon.js';
import { identityOf, signalDaemon } from '../parts/daemon.js';
import { askDrain, takeBack } from './drain-round.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import {
  BACK_TIMEOUT_MS,
  noCallFailed,
  oneOf,
  pause,
  seconds,
  SHORT_CALLS,
  wallMs,
  wholeAgain,
} from './stage.js';
import { untilFlags } from './wanted-changes.js';

/** Longer than the time-outs of every statement (5.5 s), of connecting (2 s) and of a Kamailio (2 s), one after the other. */
const FROZEN_MS = 12_000;
const DISABLED = 4;

/** SIGSTOP of all processes of PostgreSQL: sockets are open, nothing answers. What is wanted meanwhile is made afterwards. */
export const postgresFrozen: Drill = { ...SHORT_CALLS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, signal, say } = stage;
  const server = lab.processes['postgres'];
  if (server === undefined) throw new LabError('the lab has no PostgreSQL');
  const node = oneOf(lab, 'media');
  const frozen = freezeAll(server);
  let made: Finding;
  try {
    say(`SIGSTOP to ${frozen.length} processes of PostgreSQL for ${seconds(FROZEN_MS)}`);
    try {
      await askDrain(stage, node, null);
      say(`${node.name}: drain asked`);
      await pause(FROZEN_MS, signal);
    } finally {
      for (const process of frozen) signalDaemon(process, 'SIGCONT');
    }
    const thawedAtMs = wallMs();
    const atMs = await untilFlags(stage, node, DISABLED, BACK_TIMEOUT_MS);
    made = {
      what: 'the change that was wanted meanwhile is made',
      isGood: atMs !== null && frozen.length > 1,
      seen: atMs === null ? 'it is NOT' : `${seconds(atMs - thawedAtMs)} after SIGCONT`,
    };
  } finally {
    await takeBack(stage, node);
  }
  const whole = await wholeAgain(stage);
  return (report) => [noCallFailed(report), made, whole];
}

/** The postmaster first, so that it makes no more; its children are groups of their own. */
function freezeAll(postmaster: ProcessIdentity): readonly ProcessIdentity[] {
  if (!signalDaemon(postmaster, 'SIGSTOP')) throw new LabError('PostgreSQL is not running');
  const children = childrenOf(postmaster.pid);
  for (const child of children) signalDaemon(child, 'SIGSTOP');
  return [...children, postmaster];
}

function childrenOf(parent: number): readonly ProcessIdentity[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && parentOf(pid) === parent)
    .map(identityOf)
    .filter((found) => found !== null);
}

function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return null; // Ended meanwhile.
  }
}
