import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { BinrpcClient } from '../../../src/protocols/binrpc/client.js';
import { readVersion } from '../../../src/protocols/binrpc/kamailio-rpc.js';
import type { PingResult } from '../../../src/protocols/sip/options-ping.js';
import { pingOptions } from '../../../src/protocols/sip/options-ping.js';
import { CarnaError } from '../../../src/util/errors.js';
import { waitUntil } from '../../../src/util/wait.js';
import { loopbackNet, testDir } from '../../support/resources.js';

/** A Kamailio with the recordings' configuration, on an address and a ctl socket of the test file's own. */
const HOST = `${loopbackNet()}.1`;
export const PORT = 5060;
export const GENEROUS_MS = 20_000;
const dir = testDir('kamailio');
const listFile = join(dir, 'dispatcher.list');
export const socketPath = join(dir, 'kamailio_ctl');

/** The destinations of its next start or reload. */
export function writeList(rows: readonly string[]): void {
  writeFileSync(listFile, rows.map((row) => `${row}\n`).join(''));
}

/** In a process group of its own; it does not answer yet. */
export function spawnKamailio(): ChildProcess {
  const log = openSync(join(dir, 'log'), 'a');
  const values = [`MYIP=${HOST}`, `MYPORT=${PORT}`, `LISTFILE="${listFile}"`];
  const kamailio = spawn(
    process.env['CARNA_KAMAILIO'] ?? '/usr/sbin/kamailio',
    [
      '-DD',
      '-E',
      '-f',
      resolve('test/fixtures/binrpc/kamailio.cfg'),
      '-Y',
      dir,
      '-m',
      '64',
      '-M',
      '8',
    ].concat(values.flatMap((value) => ['-A', value])),
    { detached: true, stdio: ['ignore', log, log] },
  );
  closeSync(log);
  return kamailio;
}

/** Waits until it answers over its ctl socket. */
export async function untilAnswered(rpc: BinrpcClient): Promise<void> {
  await waitUntil('Kamailio answers', GENEROUS_MS, async () =>
    readVersion(rpc, 1000).then(
      () => true,
      (err: unknown) => {
        if (err instanceof CarnaError) return false;
        throw err;
      },
    ),
  );
}

/** Kills the whole group: the workers outlive their main process. */
export function killGroup(kamailio: ChildProcess): void {
  if (kamailio.pid === undefined) return;
  try {
    process.kill(-kamailio.pid, 'SIGKILL');
  } catch {
    return; // Nobody is left.
  }
}

/** One OPTIONS to it. */
export const ping = async (port = PORT, timeoutMs = GENEROUS_MS): Promise<PingResult> =>
  pingOptions({
    target: { transport: 'udp', host: HOST, port },
    timeoutMs,
    random: Math.random,
    monoMs: () => performance.now(),
  });
