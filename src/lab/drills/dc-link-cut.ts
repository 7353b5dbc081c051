import { join } from 'node:path';
import type { RemoteLink } from '../../topology/node.js';
import { CarnaError } from '../../util/errors.js';
import { startCalls } from '../calls/calls.js';
import type { CallRun } from '../calls/calls.js';
import { connectionsTo } from '../connections.js';
import { otherLabs } from '../data-centres.js';
import type { Loss } from '../dropped-packets.js';
import { whyNotDropped } from '../dropped-packets.js';
import { openPhones, registerAll } from '../phones/phone-bank.js';
import type { Platform } from '../platform.js';
import { openPlatform } from '../platform.js';
import type { LabState } from '../state.js';
import type { OnEnd } from './fault-drill.js';
import { faultDrill } from './fault-drill.js';
import { lose, passAgain } from './packet-loss.js';
import { rowsUnchanged } from './rows.js';
import type { Drill, DrillStage, Finding } from './stage.js';
import { BACK_TIMEOUT_MS, noCallFailed, nodesOf, pause, SHORT_CALLS, untilFound } from './stage.js';

const POLL_MS = 100;
const CALL_SECONDS = 1_800;
const PHONES = 5;
const EXPIRES_S = 60;
/** Beyond the sessions of the reconcilers, and long enough for every limbo to end. */
const LEAST_CUT_MS = 15_000;

/**
 * The link between two data centres is cut: the reconcilers of either lose the registry of the other, and no
 * SIP passes between them. Both go on with calls of their own, and no row of either table changes.
 */
export const dcLinkCut: Drill = faultDrill(act, {
  needs: async (lab) => (otherLabs(lab).length === 0 ? '--dc 2' : whyNotDropped()),
  // What their own pings find of the other's nodes is theirs to find.
  lists: { unwatched: (lab) => nodesOf(lab, 'dispatcher').map(({ name }) => name) },
});

async function act(stage: DrillStage, onEnd: OnEnd): Promise<readonly Finding[]> {
  const { lab, platform, awayMs, signal, say } = stage;
  const [other] = otherLabs(lab);
  if (other === undefined) return [];
  const there = openPlatform(other, platform.log);
  onEnd(() => there.close());
  const calls = callsThere(stage, other);
  onEnd(async () => {
    calls.stop();
    await calls.result.catch(() => undefined);
  });
  await there.view.whenFresh(BACK_TIMEOUT_MS);
  const before = await there.rowVersions();
  const cutMs = Math.max(awayMs, LEAST_CUT_MS);
  await lose(
    stage,
    onEnd,
    'the link',
    [...lossesOf(lab, other), ...lossesOf(other, lab), between(lab, other)],
    cutMs,
  );
  const [here, far] = [
    await untilLink(stage, platform, 'stale'),
    await untilLink(stage, there, 'stale'),
  ];
  say('both leaders say that they read the other no more');
  const registered = [...(await registering(lab)), ...(await registering(other))];
  await pause(cutMs, signal);
  const lost = await passAgain(stage, 'the link');
  const healed = [
    await untilLink(stage, platform, 'linked'),
    await untilLink(stage, there, 'linked'),
  ];
  calls.stop();
  const report = await calls.result;
  return [
    lost,
    told(`the leaders of ${lab.plan.site.dc} and ${other.plan.site.dc} say so`, [here, far]),
    ...registered,
    told('after the heal both read the other again', healed),
    rowsUnchanged(`no row of ${other.plan.site.dc} changed`, before, await there.rowVersions()),
    { ...noCallFailed(report), what: `no call of ${other.plan.site.dc} failed` },
  ];
}

/** The connections of one data centre's reconcilers to the other's ZooKeeper, and every new one to it. */
function lossesOf(from: LabState, to: LabState): readonly Loss[] {
  return to.plan.zookeepers.flatMap(({ client: server }): Loss[] => {
    const pids = from.plan.reconcilers.flatMap(({ name }) => from.processes[name]?.pid ?? []);
    const clients = pids.flatMap((pid) => connectionsTo(pid, server));
    return [
      { kind: 'new-connections', server },
      ...clients.map((client): Loss => ({ kind: 'connection', server, client })),
    ];
  });
}

/** SIP, told by the addresses that both sides bind. */
function between(lab: LabState, other: LabState): Loss {
  return { kind: 'between', nets: [lab.plan.net, other.plan.net] };
}

/** Phones of a data centre register with it; nothing where it has no registrar. */
async function registering({ plan, secrets }: LabState): Promise<readonly Finding[]> {
  if (!plan.nodes.some(({ role }) => role === 'registrar')) return [];
  const numbers = Array.from({ length: PHONES }, (_, at) => at + 1);
  const bank = await openPhones(plan, secrets.userPassword, numbers);
  const what = `meanwhile phones register in ${plan.site.dc}`;
  try {
    await registerAll(
      numbers.map((n) => bank.phone(n)),
      EXPIRES_S,
    );
    return [{ what, isGood: true, seen: `${PHONES} of ${PHONES}` }];
  } catch (err) {
    if (!(err instanceof CarnaError)) throw err;
    return [{ what, isGood: false, seen: err.message }];
  } finally {
    await bank.close();
  }
}

async function untilLink(
  { signal }: DrillStage,
  platform: Platform,
  wanted: RemoteLink,
): Promise<boolean> {
  const isSo = (): true | null => {
    const remotes = platform.view.generation().record?.remotes ?? [];
    return remotes.length > 0 && remotes.every(({ link }) => link === wanted) ? true : null;
  };
  return (await untilFound(isSo, BACK_TIMEOUT_MS, POLL_MS, signal)) === true;
}

function told(what: string, good: readonly boolean[]): Finding {
  const isGood = good.every(Boolean);
  return { what, isGood, seen: isGood ? 'both do' : 'NOT both' };
}

function callsThere({ callsPerSecond, env }: DrillStage, other: LabState): CallRun {
  const [entry] = nodesOf(other, 'load-balancer');
  return startCalls({
    target: entry?.sip ?? other.plan.postgres,
    localHost: other.plan.caller,
    rate: callsPerSecond,
    amount: { seconds: CALL_SECONDS },
    callMs: SHORT_CALLS.callMs,
    runDir: join(other.runDir, 'drills', `dc-link-cut-${Date.now()}`),
    env,
  });
}
