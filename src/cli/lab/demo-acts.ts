import { addNode } from '../../lab/grow.js';
import { healedAfterMs, killAndWatch } from '../../lab/incident.js';
import { judgeLosses } from '../../lab/losses.js';
import { openPlatform } from '../../lab/platform.js';
import { readRouted } from '../../lab/routed.js';
import type { LabState } from '../../lab/state.js';
import { readChanges } from '../../store/change-log.js';
import { deriveTimeline } from '../../topology/timeline.js';
import { wait } from '../../util/wait.js';
import { timelineEntryText } from '../render/timeline-text.js';
import { addressOf, CALLS_PER_SECOND, demoCalls, must, nodeOfRole } from './demo-stage.js';
import type { DemoStage } from './demo-stage.js';
import { labLogger } from './logger.js';

const CALLS_BEFORE_MS = 6_000;
const CALLS_AFTER_MS = 6_000;
const SETTLE_TIMEOUT_MS = 30_000;

/** kill -9 of a media server under load: the healing, and what it cost. */
export async function demoKill(stage: DemoStage): Promise<void> {
  const { context, lab, platform, signal } = stage;
  const node = nodeOfRole(lab, 'media', 2);
  stage.title('calls', `${CALLS_PER_SECOND} a second through load-balancer → dispatcher → media`);
  const calls = demoCalls(stage, 'kill');
  let incident;
  try {
    await wait(CALLS_BEFORE_MS, signal);
    stage.title('kill -9', `${node.name}, with calls on it`);
    incident = await killAndWatch(lab, platform, node, signal);
    await wait(CALLS_AFTER_MS, signal);
  } finally {
    calls.stop();
  }
  const report = await calls.result;
  context.print(...(await healingText(stage, node.name, incident.killedAtMs)));
  const kill = { node: addressOf(node), atMs: incident.killedAtMs };
  const losses = judgeLosses(report, [kill], readRouted(lab));
  const back = Math.max(...incident.backAtMs.values()) - incident.killedAtMs;
  context.print(
    `           from the kill to "no dispatcher sends it a new call": ${healedAfterMs(incident).toFixed(0)} ms, back in service after ${(back / 1_000).toFixed(1)} s`,
    `           ${report.sent} calls: ${report.completed} completed, ${losses.stoodOnIt.length} stood on ${node.name}, ${losses.others.length} others lost, ${losses.delayed} delayed`,
  );
  must(report.sent > 0, 'calls were made');
  must(losses.others.length === 0, 'only calls that stood on the killed node are lost');
}

/** The change log of the killed node, told from the moment of the kill, which only the killer knows. */
async function healingText(
  stage: DemoStage,
  nodeId: string,
  killedAtMs: number,
): Promise<readonly string[]> {
  const { context, platform } = stage;
  const changes = await readChanges(platform.store, { last: 2, nodeId });
  const told = changes.map((change) =>
    change.to === 'down' ? { ...change, occurredAtMs: killedAtMs } : change,
  );
  return deriveTimeline(told).flatMap((entry) =>
    timelineEntryText(entry, context.timeZone, context.paint, context.width()),
  );
}

/** One more media node under load: when it gets its first call. */
export async function demoScale(stage: DemoStage): Promise<LabState> {
  const { context, lab, signal } = stage;
  const count = lab.plan.nodes.filter((node) => node.role === 'media').length;
  stage.title('scale', `media ${count} → ${count + 1}`);
  const calls = demoCalls(stage, 'scale');
  let grown;
  try {
    await wait(1_000, signal);
    grown = await addNode(lab, 'media', context.proc.env);
    await settled(grown.state, stage);
    await wait(2_000, signal);
  } finally {
    calls.stop();
  }
  const report = await calls.result;
  const up = (await readChanges(stage.platform.store, { last: 10, nodeId: grown.node.name })).find(
    (change) => change.to === 'up',
  );
  const first = report.calls.find((call) => call.node === addressOf(grown.node));
  const goodCheckAtMs = up?.noticedAtMs ?? null;
  must(goodCheckAtMs !== null && first !== undefined, `${grown.node.name} got a call`);
  if (goodCheckAtMs !== null && first !== undefined) {
    const afterMs = first.sentAtMs - goodCheckAtMs;
    context.print(
      `           first call on ${grown.node.name} ${afterMs.toFixed(0)} ms after its checks were good; ${report.sent} calls, ${report.sent - report.completed} failed`,
    );
  }
  must(report.completed === report.sent, 'no call is lost by scaling');
  return grown.state;
}

/** Drain of a node with calls on it: they end by themselves, no new one comes, none is lost. */
export async function demoDrain(stage: DemoStage): Promise<void> {
  const { context, lab, platform, signal } = stage;
  const node = nodeOfRole(lab, 'media', 1);
  stage.title('drain', `${node.name}, while calls go on`);
  const calls = demoCalls(stage, 'drain');
  const startMs = performance.now();
  try {
    await wait(CALLS_BEFORE_MS / 2, signal);
    await stage.carna('drain', node.name, '--why', 'shown in the demo', '--yes', '--wait');
  } finally {
    calls.stop();
  }
  const report = await calls.result;
  const drain = (await readChanges(platform.store, { last: 10, nodeId: node.name })).find(
    (change) => change.to === 'draining',
  );
  const offAtMs = Math.max(...(drain?.live.map((proof) => proof.atMs) ?? [Number.NaN]));
  const late = report.calls.filter(
    (call) => call.node === addressOf(node) && call.sentAtMs > offAtMs,
  );
  const tookMs = performance.now() - startMs;
  context.print(
    `           ${report.sent} calls in ${(tookMs / 1_000).toFixed(0)} s: ${report.sent - report.completed} lost, ${late.length} sent to ${node.name} after its drain was proven`,
  );
  must(Number.isFinite(offAtMs), 'the drain was proven by every dispatcher');
  must(late.length === 0, 'a draining node gets no new call');
  must(report.completed === report.sent, 'no call is lost by a drain');
}

async function settled(state: LabState, stage: DemoStage): Promise<void> {
  const platform = openPlatform(state, labLogger(stage.context.proc.env));
  try {
    const names = state.plan.nodes.map((node) => node.name);
    await platform.untilSettled(names, SETTLE_TIMEOUT_MS, stage.signal);
  } finally {
    await platform.close();
  }
}
