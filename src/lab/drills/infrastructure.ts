import { wait } from '../../util/wait.js';
import { startInfrastructure, stopInfrastructure, zookeeperNames } from '../infrastructure.js';
import { rowsUnchanged, sameRows } from './rows.js';
import type { RowVersions } from './rows.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import { noCallFailed, pause, seconds, SHORT_CALLS, wholeAgain } from './stage.js';

const LOOK_EVERY_MS = 200;

/** Without ZooKeeper, or without PostgreSQL, nothing changes. */
export function infrastructureAway(name: 'zookeeper' | 'postgres'): Drill {
  return { ...SHORT_CALLS, act: (stage) => act(name, stage) };
}

async function act(name: 'zookeeper' | 'postgres', stage: DrillStage): Promise<Judge> {
  const { lab, platform, awayMs, env, signal, say } = stage;
  const names = name === 'postgres' ? [name] : zookeeperNames(lab.plan);
  const before = await platform.rowVersions();
  await stopInfrastructure(lab, names);
  say(`${name} stopped for ${seconds(awayMs)}`);
  let during: readonly Finding[] = [];
  try {
    if (name === 'zookeeper') during = [await watchRows(stage, before)];
    else await pause(awayMs, signal);
  } finally {
    await startInfrastructure(lab, names, env);
  }
  say(`${name} serves again`);
  const whole = await wholeAgain(stage);
  const after = await platform.rowVersions();
  const unchanged = rowsUnchanged('the table is the same afterwards', before, after);
  return (report) => [noCallFailed(report), ...during, unchanged, whole];
}

/** Reads the table again and again; counts how many readings differed. */
async function watchRows(stage: DrillStage, before: RowVersions): Promise<Finding> {
  const { platform, awayMs, signal } = stage;
  const endMs = performance.now() + awayMs;
  let readings = 0;
  let changes = 0;
  while (performance.now() < endMs && !signal.aborted) {
    readings++;
    if (!sameRows(before, await platform.rowVersions())) changes++;
    await wait(LOOK_EVERY_MS, signal);
  }
  return {
    what: 'no row changed while zookeeper was away',
    isGood: changes === 0 && readings > 0,
    seen: `${readings} readings, ${changes} differed`,
  };
}
