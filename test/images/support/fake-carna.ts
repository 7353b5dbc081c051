import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { imageOf, logLines, startContainer, until } from './docker.js';

/**
 * Plays the agent inside the carna image: says "life PID" when it can hear signals, then the name of each
 * signal. FAKE_CODE: ends at once with it. FAKE_SIGNALS: ends with 0 after so many signals. FAKE_SLOW_MS:
 * deaf for so long, as Node is while it starts, in every life but the first. Answers HTTP once it hears.
 */
const FAKE = `#!/usr/local/bin/node
const fs = require('node:fs');
const env = process.env;
const say = (text) => fs.writeSync(1, text + '\\n');
if (env.FAKE_CODE) { say('life ' + process.pid); process.exit(Number(env.FAKE_CODE)); }
const isLater = fs.existsSync('/run/carna/lived');
fs.writeFileSync('/run/carna/lived', '');
let left = Number(env.FAKE_SIGNALS || 1000);
const hear = (name) => { say(name); left -= 1; if (left === 0) process.exit(0); };
setTimeout(() => {
  for (const name of ['SIGTERM', 'SIGINT']) process.on(name, hear);
  require('node:http').createServer((_, reply) => reply.end('{}')).listen(Number(env.CARNA_HTTP_PORT), '127.0.0.1');
  say('life ' + process.pid);
}, isLater ? Number(env.FAKE_SLOW_MS || 0) : 0);
`;

/** Starts the carna image with the fake in place of `carna`, in a network of its own; gives its name. */
export async function startFake(
  t: TestContext,
  env: Readonly<Record<string, string>>,
  ...options: readonly string[]
): Promise<string> {
  const dir = mkdtempSync(join(process.env['CARNA_TEST_DIR'] ?? tmpdir(), 'fake-'));
  chmodSync(dir, 0o755); // The container's user is another one.
  writeFileSync(join(dir, 'carna.cjs'), FAKE, { mode: 0o755 });
  const all = { CARNA_BIN: '/fake/carna.cjs', CARNA_HTTP_PORT: '9100', ...env };
  return startContainer(
    t,
    [
      '--network=none',
      `--volume=${dir}:/fake:ro`,
      ...Object.entries(all).map(([name, value]) => `--env=${name}=${value}`),
      ...options,
    ],
    imageOf('carna'),
  );
}

/** PIDs, inside the container, of the lives so far. */
export async function livesOf(name: string): Promise<readonly number[]> {
  const lines = await logLines(name);
  return lines.filter((line) => line.startsWith('life ')).map((line) => Number(line.slice(5)));
}

/** Waits until the fake has lived so often; gives the PID of its last life. */
export function lifeOf(name: string, count: number): Promise<number> {
  return until(`life ${count} of the agent in ${name}`, async () => {
    const lives = await livesOf(name);
    return lives.length >= count ? (lives.at(-1) ?? null) : null;
  });
}

/** Waits until it has heard so many signals; gives their names. */
export function signalsOf(name: string, count: number): Promise<readonly string[]> {
  return until(`${count} signals for the agent in ${name}`, async () => {
    const signals = (await logLines(name)).filter((line) => line.startsWith('SIG'));
    return signals.length >= count ? signals : null;
  });
}
