import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterEach, test } from 'node:test';
import { readProcess } from '../../../src/agent/runtime/process-group.js';
import { watchedExit } from '../../../src/agent/runtime/process-watch.js';
import { systemTimekeeper } from '../../../src/agent/timekeeper.js';
import { waitUntil } from '../../../src/util/wait.js';

const LIMIT_MS = 20_000;
const begun: ChildProcess[] = [];

afterEach(() => {
  for (const child of begun.splice(0)) child.kill('SIGKILL');
});

function started(command: string, ...args: readonly string[]): number {
  const child = spawn(command, args, { stdio: 'ignore' });
  begun.push(child);
  return child.pid ?? 0;
}

function identityOf(pid: number): { readonly pid: number; readonly startTicks: number } {
  return { pid, startTicks: readProcess(pid)?.startTicks ?? 0 };
}

const childrenOf = (pid: number): string =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();

const openStats = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return /^\/proc\/\d+\/stat$/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false; // The descriptor of the listing itself.
    }
  }).length;

test('a living process is watched, and its end closes the watch', async () => {
  const pid = started('sleep', '1000');
  let isOver = false;
  const exited = watchedExit(identityOf(pid), systemTimekeeper).then(() => (isOver = true));
  assert.equal(openStats(), 1);
  await systemTimekeeper.wait(200);
  assert.equal(isOver, false);
  process.kill(pid, 'SIGKILL');
  await exited;
  assert.equal(openStats(), 0);
});

test('a zombie that nobody reaps has ended', async () => {
  const parent = started('sh', '-c', 'sleep 1000 & exec sleep 1000');
  await waitUntil('its child', LIMIT_MS, () => childrenOf(parent) !== '');
  const child = Number(childrenOf(parent));
  const exited = watchedExit(identityOf(child), systemTimekeeper);
  process.kill(child, 'SIGKILL');
  const exit = await exited;
  assert.match(readFileSync(`/proc/${child}/stat`, 'utf8'), /\) Z /, 'it is still there');
  assert.deepEqual([exit.code, exit.signal], [null, null]);
});

test('a process that is gone already, or another one with its pid, has ended', async () => {
  const pid = started('sleep', '1000');
  await watchedExit({ ...identityOf(pid), startTicks: 1 }, systemTimekeeper);
  await watchedExit({ pid: 2 ** 30, startTicks: 1 }, systemTimekeeper);
  assert.equal(openStats(), 0);
});
