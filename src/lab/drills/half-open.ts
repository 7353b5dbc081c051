import { AGENT_ZK_SESSION_MS } from '../daemon-env.js';
import type { Loss } from '../dropped-packets.js';
import { whyNotDropped } from '../dropped-packets.js';
import { labDestination } from '../incident.js';
import { askDrain, takeBack, untilAcknowledged } from './drain-round.js';
import { faultDrill } from './fault-drill.js';
import { ListWatch } from './list-watch.js';
import { lose, passAgain } from './packet-loss.js';
import type { Drill, DrillStage, Finding } from './stage.js';
import { BACK_TIMEOUT_MS, oneOf, pause, seconds } from './stage.js';

/** Sessions end a tick or two after their time-out. */
const BEYOND_SESSION_MS = AGENT_ZK_SESSION_MS + 2_000;

/** All packets to and from ZooKeeper are lost for longer than any session lasts; nobody gets a reset. */
export const halfOpen: Drill = faultDrill(
  async (stage, onEnd) => {
    const lossMs = Math.max(stage.awayMs, BEYOND_SESSION_MS);
    await lose(stage, onEnd, 'ZooKeeper', zookeeperLosses(stage), lossMs);
    await pause(lossMs, stage.signal);
    return [await passAgain(stage, 'ZooKeeper')];
  },
  { needs: whyNotDropped },
);

/**
 * The same with PostgreSQL, while a drain is asked for: nothing can be written, so no list changes, but for
 * what Kamailio's own OPTIONS find when the node begins to refuse calls by itself. What was asked is done when
 * packets pass again.
 */
export const halfOpenPostgres: Drill = faultDrill(
  async (stage, onEnd) => {
    const { lab, awayMs, say } = stage;
    const node = oneOf(lab, 'media');
    const watch = await ListWatch.begin(lab, { mayChange: { letters: labDestination(node) } });
    let lost: Finding;
    onEnd(() => takeBack(stage, node));
    try {
      await lose(stage, onEnd, 'PostgreSQL', [{ kind: 'all', server: lab.plan.postgres }], awayMs);
      await askDrain(stage, node, null);
      say(`${node.name}: drain asked`);
      await pause(awayMs, stage.signal);
    } finally {
      await watch.stop();
      lost = await passAgain(stage, 'PostgreSQL');
    }
    const startMs = performance.now();
    const atMs = await untilAcknowledged(stage, node, BACK_TIMEOUT_MS);
    const done = {
      what: 'a drain that was asked for meanwhile reaches every list',
      isGood: atMs !== null,
      seen: atMs === null ? 'it did NOT' : `${seconds(performance.now() - startMs)} after the cut`,
    };
    return [lost, ...watch.findings(), done];
  },
  { needs: whyNotDropped, changesRows: true },
);

function zookeeperLosses({ lab }: DrillStage): readonly Loss[] {
  return lab.plan.zookeepers.map(({ client }) => ({ kind: 'all', server: client }));
}
