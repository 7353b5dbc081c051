import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MarathonDeployment } from '../../src/marathon/client/answers.js';
import type { MarathonEvent } from '../../src/marathon/client/events-codec.js';
import type {
  DeploymentEnd,
  DeploymentProgress,
  DeploymentSource,
} from '../../src/marathon/follow-deployment.js';
import { deploymentSource, followDeployment } from '../../src/marathon/follow-deployment.js';
import { systemClock } from '../../src/util/clock.js';
import { MarathonRefusedError, MarathonUnavailableError } from '../../src/util/errors.js';
import { wait } from '../../src/util/wait.js';
import { client, json, never, withFake } from './client/fake-marathon.js';

const OTHER = deployment('d-other');

function deployment(id: string, currentStep = 1): MarathonDeployment {
  return { id, affectedApps: ['/a'], affectedPods: [], currentStep, totalSteps: 3 };
}

type Take = (event: MarathonEvent | undefined) => void;

/** What the n-th look finds, or why it fails; an event may be told at it. The last stays. */
type Look = (take: Take, n: number) => readonly MarathonDeployment[];

interface Followed {
  readonly end: DeploymentEnd;
  readonly progress: readonly string[];
  readonly looks: number;
  readonly waitedMs: number;
  readonly isStreamClosed: boolean;
}

/** Follows d-1 through the looks; time stands still but for waits. */
async function follow(
  looks: readonly Look[],
  deadlineMs = 60_000,
  signal: AbortSignal = never,
): Promise<Followed> {
  let take: Take = () => undefined;
  let isStreamClosed = false;
  let count = 0;
  let elapsedMs = 0;
  const source: DeploymentSource = {
    followEvents: async (listener, over) => {
      take = listener;
      await new Promise((resolve) => over.addEventListener('abort', resolve));
      isStreamClosed = true;
    },
    readDeployments: async () => {
      const look = looks[Math.min(count++, looks.length - 1)];
      if (look === undefined) throw new Error('no look');
      return look(take, count);
    },
  };
  const ports = {
    clock: { wallMs: () => elapsedMs, monoMs: () => elapsedMs },
    wait: async (ms: number, rung: AbortSignal) => {
      if (!rung.aborted) elapsedMs += ms;
    },
  };
  const progress: string[] = [];
  const onProgress = (one: DeploymentProgress): void => {
    progress.push(one.kind === 'away' ? 'away' : `step ${one.deployment.currentStep}`);
  };
  const timing = { deadlineMs, pollMs: 1_000 };
  const end = await followDeployment(source, ports, 'd-1', timing, onProgress, signal);
  return { end, progress, looks: count, waitedMs: elapsedMs, isStreamClosed };
}

const away: Look = () => {
  throw new MarathonUnavailableError('no leader');
};

const over =
  (hasSucceeded: boolean, deploymentId = 'd-1'): Look =>
  (take) => {
    take({ kind: 'deployment', deploymentId, hasSucceeded });
    return [OTHER];
  };

test('it is over when Marathon says so and lists it no more', async () => {
  const found = await follow([() => [deployment('d-1'), OTHER], over(true)]);
  assert.deepEqual(found.end, { kind: 'succeeded' });
  assert.deepEqual(found.progress, ['step 1']);
  assert.equal(found.isStreamClosed, true);
  assert.deepEqual((await follow([over(false)])).end, { kind: 'failed' });
});

test('the event of another deployment says nothing of ours', async () => {
  const { end, looks } = await follow([over(false, 'd-2')]);
  assert.deepEqual(end, { kind: 'vanished' });
  assert.equal(looks, 2);
});

test('an event alone does not end it while Marathon still lists it', async () => {
  const early: Look = (take) => {
    take({ kind: 'deployment', deploymentId: 'd-1', hasSucceeded: true });
    return [deployment('d-1', 3)];
  };
  const { end, progress, waitedMs } = await follow([early, () => [deployment('d-1', 3)], () => []]);
  assert.deepEqual(end, { kind: 'succeeded' });
  assert.deepEqual(progress, ['step 3', 'step 3']);
  assert.equal(waitedMs, 1_000, 'the event asked for a look without a pause');
});

test('without events it is over after two looks without it', async () => {
  const { end, looks } = await follow([() => [deployment('d-1')], () => []]);
  assert.deepEqual(end, { kind: 'vanished' });
  assert.equal(looks, 3);
});

test('a new leader that has not loaded it yet does not end it', async () => {
  const looks = [() => [deployment('d-1')], away, () => [], away, () => [deployment('d-1', 2)]];
  const { end, progress } = await follow([...looks, over(true)]);
  assert.deepEqual(end, { kind: 'succeeded' });
  assert.deepEqual(progress, ['step 1', 'away', 'away', 'step 2']);
});

test('the deadline ends the waiting, not the deployment', async () => {
  const { end, waitedMs } = await follow([() => [deployment('d-1')]], 2_500);
  assert.deepEqual(end, { kind: 'late', error: undefined });
  assert.equal(waitedMs, 2_500);
  const { end: lost } = await follow([away], 2_500);
  assert.equal(lost.kind === 'late' && lost.error?.message, 'no leader');
});

test('the caller may leave at any time', async () => {
  const stop = new AbortController();
  const leave: Look = () => {
    stop.abort();
    return [deployment('d-1')];
  };
  const found = await follow([leave], 60_000, stop.signal);
  assert.deepEqual(found.end, { kind: 'stopped' });
  assert.deepEqual([found.progress, found.isStreamClosed], [[], true]);
});

test('what waiting will not mend is thrown, with the stream closed', async () => {
  const refuse: Look = () => {
    throw new MarathonRefusedError('GET /v2/deployments', 401, 'who are you?');
  };
  await assert.rejects(follow([refuse]), /Marathon answered 401/);
});

test('against a server: the stream breaks and comes back, the list tells the rest', async () => {
  let reads = 0;
  await withFake(
    ({ url }, response) => {
      if (url.startsWith('/v2/events')) {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        if (reads >= 2) {
          response.write('data: {"eventType":"deployment_success","id":"d-1"}\n\n');
        } else response.end();
        return;
      }
      reads++;
      const listed = { id: 'd-1', affectedApps: [], currentStep: 1, totalSteps: 1 };
      json(response, 200, reads < 3 ? [listed] : []);
    },
    async ({ url }) => {
      const ports = { clock: systemClock, wait, random: () => 0 };
      const source = deploymentSource(client([url]), ports, {
        silentMs: 60_000,
        resyncMs: 60_000,
        retry: { minMs: 5, maxMs: 5 },
      });
      const timing = { deadlineMs: 60_000, pollMs: 50 };
      const end = await followDeployment(source, ports, 'd-1', timing, () => undefined, never);
      assert.ok(end.kind === 'succeeded' || end.kind === 'vanished', end.kind);
    },
  );
});
