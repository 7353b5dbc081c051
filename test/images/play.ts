import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wait } from '../../src/util/wait.js';
import { removeLeftovers } from './support/leftovers.js';
import { underLoad } from './support/marathon-load.js';
import type { MarathonPlatform } from './support/marathon-platform.js';
import { openMarathonPlatform } from './support/marathon-platform.js';

/**
 * `make marathon-up`: container hosts, ZooKeeper, PostgreSQL and the stand-in for Marathon, for trying
 * `carna deploy`, `scale` and `rollout` by hand under calls. Ctrl-C takes all of it away.
 */
const LOOK_MS = 500;
const LINE_MS = 5_000;
const SETTLE_MS = 600_000;

async function main(stop: AbortSignal): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'carna-marathon-'));
  chmodSync(dir, 0o711); // The user postgres must find its own folder in it.
  process.env['CARNA_TEST_DIR'] = join(dir, 'parts');
  try {
    await removeLeftovers();
    say('container hosts, ZooKeeper, PostgreSQL and a stand-in for Marathon are starting…');
    const platform = await openMarathonPlatform();
    try {
      await explain(platform, dir);
      await callsWhileUp(platform, stop).catch((err: unknown) => {
        if (!stop.aborted) throw err;
      });
    } finally {
      say('taking all of it away…');
      await platform.close();
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Leaves the operator's environment and the definitions in the folder, and says what to do with them. */
async function explain(platform: MarathonPlatform, dir: string): Promise<void> {
  const [env, group] = [join(dir, 'env'), join(dir, 'group.json')];
  const ours = Object.entries(platform.operatorEnv).filter(([name]) => name.startsWith('CARNA_'));
  const lines = ours.map(([name, value]) => `export ${name}='${value ?? ''}'\n`);
  writeFileSync(env, lines.join(''), { mode: 0o600 });
  const { code, stdout, stderr } = await platform.carna('marathon', 'render', platform.valuesFile);
  if (code !== 0) throw new Error(`carna marathon render: ${stderr}`);
  writeFileSync(group, stdout);
  say(
    `ready: ${platform.network.hosts.length} hosts. Media nodes are a stand-in for FreeSWITCH, and Marathon's API is played by test/minimarathon.`,
    'In another terminal, in this folder:',
    `  . ${env}`,
    `  alias carna="node $PWD/dist/src/bin/carna.js"`,
    `  carna deploy ${group}`,
    '  carna topology --watch',
    '  carna scale media 6',
    `  carna rollout dispatcher`,
    `The values: ${platform.valuesFile}`,
    '20 calls a second begin when the load-balancers are up, for 15 minutes. Ctrl-C ends all of it.',
  );
}

async function callsWhileUp(platform: MarathonPlatform, stop: AbortSignal): Promise<void> {
  const roles = ['load-balancer', 'dispatcher', 'media'] as const;
  const isUp = (): boolean => roles.every((role) => platform.nodesOf(role).length >= 2);
  while (!stop.aborted && !isUp()) await wait(LOOK_MS, stop);
  const names = roles.flatMap((role) => platform.nodesOf(role).map(({ nodeId }) => nodeId));
  if (!stop.aborted) await platform.seen.untilSettled(names, SETTLE_MS, stop);
  if (stop.aborted) return;
  say('calls begin');
  await underLoad(platform, async (load) => {
    while (!stop.aborted) {
      await wait(LINE_MS, stop);
      say(`${load.sent()} calls, ${load.failed()} failed`);
    }
  });
}

function say(...lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

// A terminal's Ctrl-C comes twice, from it and from the script around: no second signal may cut the clearing up.
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort());
await main(stop.signal);
