import type { FaultTarget } from '../../lab/faults.js';
import { freezePart, freezeWorkers, killPart, thawPart } from '../../lab/faults.js';
import {
  infrastructureNames,
  startInfrastructure,
  stopInfrastructure,
} from '../../lab/infrastructure.js';
import { isAlive } from '../../lab/parts/daemon.js';
import { restartDaemon } from '../../lab/restart.js';
import { placePart } from '../../lab/data-centres.js';
import { defaultRunDir } from '../../lab/state.js';
import { LabError, UsageError } from '../../util/errors.js';
import type { Context } from '../context.js';

const VERBS = {
  kill: { act: killPart, past: 'killed', next: 'how it healed: carna timeline --last 3' },
  freeze: { act: freezePart, past: 'frozen', next: 'let it go on: carna lab thaw' },
  thaw: { act: thawPart, past: 'goes on', next: 'look: carna topology' },
} as const;

/** `carna lab kill | freeze | thaw`. */
export function faultCommand(
  context: Context,
  verb: keyof typeof VERBS,
  target: FaultTarget,
): void {
  const { lab, name } = placePart(defaultRunDir(context.proc.env), target.name);
  const { act, past, next } = VERBS[verb];
  const hit = act(lab, { ...target, name });
  const what = hit.what.replace(name, target.name);
  const suffix = verb === 'freeze' ? ` ${target.name}${target.agent ? ' --agent' : ''}` : '';
  context.print(`${what} (pid ${hit.process.pid}) ${past}`, `${next}${suffix}`);
}

/** `carna lab freeze NODE --workers`. */
export async function freezeWorkersCommand(context: Context, name: string): Promise<void> {
  const { lab } = placePart(defaultRunDir(context.proc.env), name);
  const { processes } = await freezeWorkers(lab, name);
  const pids = processes.map((process) => process.pid).join(', ');
  context.print(
    `${name}'s UDP receivers (pids ${pids}) frozen`,
    `look: carna timeline --last 1; let them go on: carna lab thaw ${name}`,
  );
}

/** `carna lab stop | start`. */
export async function infrastructureCommand(
  context: Context,
  verb: 'stop' | 'start',
  called: string,
): Promise<void> {
  const { lab: state, name: part } = placePart(defaultRunDir(context.proc.env), called);
  const names = infrastructureNames(state.plan);
  if (!names.includes(part)) {
    if (verb === 'stop') throw new UsageError(`expected ${names.join(' or ')}, found ${part}`);
    const next = await restartDaemon(state, part, context.proc.env);
    const pid = next.processes[part]?.pid ?? 0;
    context.print(
      next === state
        ? `${called} runs already (pid ${pid})`
        : `${called} started again (pid ${pid})`,
      'look: carna topology',
    );
    return;
  }
  if (verb === 'stop') {
    await stopInfrastructure(state, [part]);
    context.print(`${called} stopped; again: carna lab start ${called}`);
  } else {
    const running = state.processes[part];
    if (running !== undefined && isAlive(running))
      throw new LabError(`${called} is running already`);
    await startInfrastructure(state, [part], context.proc.env);
    context.print(
      part.startsWith('zookeeper-')
        ? `${called} runs again; look: carna lab status`
        : `${called} serves again`,
    );
  }
}
