import { nameOfApp } from '../../marathon/deploy/group-apps.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import type { MarathonWork } from '../deploy/marathon-work.js';
import { printable } from '../render/colour.js';
import { evidenceLines } from '../render/rollout-text.js';
import { plural } from '../render/units.js';
import type { Ending } from './end-rollout.js';
import { awaitRollBack, endRollout } from './end-rollout.js';
import type { RolloutEnd } from './follow-rollout.js';
import type { RolloutTeller } from './rollout-teller.js';

/** Says how a rollout ended; ends it when the new version is worse. */
export async function closeRollout(
  work: MarathonWork,
  tell: RolloutTeller,
  ending: Ending,
  end: RolloutEnd,
): Promise<ExitCode> {
  const { appId, deploymentId } = ending;
  const { paint } = work.context;
  switch (end.kind) {
    case 'done':
      tell.say({ did: 'done', deploymentId }, [paint.good(`✔ ${appId} is rolled out.`)]);
      return EXIT.done;
    case 'late':
    case 'left': {
      const why = end.kind === 'late' ? '✘ the deadline passed; ' : '';
      tell.say({ did: end.kind, deploymentId }, [
        `${why}${deploymentId} goes on in Marathon, node by node; nobody watches the new version now.`,
        `Follow it again: ${tell.again}`,
        `Stop it where it stands: ${cancelCommand(appId)}`,
      ]);
      return EXIT.no;
    }
    case 'ended':
      tell.say({ did: 'ended', deploymentId }, [
        `✘ ${deploymentId} is over with ${plural(end.oldLeft, 'old task')} left: it was cancelled or replaced.`,
        `Next: carna rollout ${nameOfApp(appId)} restarts all nodes with the definition that Marathon holds now; with FILE they get that one.`,
      ]);
      return EXIT.no;
    case 'worse': {
      const { evidence, isOver } = end;
      tell.say({ did: 'worse', evidence }, evidenceLines(evidence, paint));
      if (!isOver) return cancelRollout(work, tell, ending);
      tell.say({ did: 'over', deploymentId }, overLines(deploymentId, evidence[0]?.taskId ?? ''));
      return EXIT.no;
    }
  }
}

/** Ends a rollout as the operator wished and says in what state it is now. The answer is "no". */
export async function cancelRollout(
  work: MarathonWork,
  tell: RolloutTeller,
  ending: Ending,
): Promise<ExitCode> {
  const { appId, deploymentId } = ending;
  const ended = await endRollout(work, ending);
  switch (ended.kind) {
    case 'stopped':
      tell.say({ did: 'stopped', deploymentId }, [
        `${deploymentId} is stopped: no further old node is taken away. One that drains already still goes.`,
        `Marathon keeps the new definition: what it starts from now on is of the new version.`,
        `Next: carna rollout ${nameOfApp(appId)} FILE with a better definition, or the earlier one`,
      ]);
      return EXIT.no;
    case 'over':
      tell.say({ did: 'over', deploymentId }, overLines(deploymentId, ''));
      return EXIT.no;
    case 'not-ended':
      tell.say({ did: 'not-ended', deploymentId, why: ended.why }, [
        `✘ ${deploymentId} could not be ended and goes on: ${printable(ended.why)}`,
        `Next: ${cancelCommand(appId)}`,
      ]);
      return EXIT.away;
    case 'rolling-back':
      return rollBack(work, tell, ended.deploymentId);
  }
}

async function rollBack(
  work: MarathonWork,
  tell: RolloutTeller,
  deploymentId: string,
): Promise<ExitCode> {
  tell.say({ did: 'rolling-back', deploymentId }, [
    `Marathon rolls back (${deploymentId}): it brings the earlier definition to all nodes, at that definition's pace.`,
  ]);
  if (await awaitRollBack(work, deploymentId)) {
    tell.say({ did: 'rolled-back', deploymentId }, ['Rolled back. See: carna topology']);
  } else {
    tell.say({ did: 'late', deploymentId }, [
      `${deploymentId} goes on in Marathon. See: carna topology`,
    ]);
  }
  return EXIT.no;
}

function overLines(deploymentId: string, taskId: string): string[] {
  const next = taskId === '' ? 'carna topology' : `carna explain ${taskId}`;
  return [`${deploymentId} is over: there is nothing left to stop. Next: ${next}`];
}

const cancelCommand = (appId: string): string => `carna rollout ${nameOfApp(appId)} --cancel`;
