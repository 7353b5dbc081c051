import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { livingMembers, readProcess } from '../../../src/agent/runtime/process-group.js';
import type { ProcessRuntimeOptions } from '../../../src/agent/runtime/process.js';
import { processRuntime } from '../../../src/agent/runtime/process.js';
import type { RunningServer, StopSteps } from '../../../src/agent/runtime/runtime.js';
import { systemTimekeeper } from '../../../src/agent/timekeeper.js';
import { waitUntil } from '../../../src/util/wait.js';
import { testDir } from '../../support/resources.js';
import { AgentProcess, keepingLog } from './process-agent.js';

/** Agents that a test may kill, and what the next agent finds of their servers. */

export const LIMIT_MS = 20_000;
export const STEPS: StopSteps = { graceful: () => Promise.resolve(), gracefulMs: 0, termMs: 5_000 };
/** No process has it: the kernel's pids end below. */
export const DEAD_AGENT = { pid: 2 ** 30, startTicks: 1 };

const begun: { readonly agents: AgentProcess[]; readonly groups: number[] } = {
  agents: [],
  groups: [],
};

/** To be called after each test, also a failed one. */
export async function endBegun(): Promise<void> {
  for (const agent of begun.agents.splice(0)) if (readProcess(agent.pid)) await agent.kill();
  for (const leader of begun.groups.splice(0)) {
    for (const member of livingMembers(leader)) process.kill(member.pid, 'SIGKILL');
    await waitUntil('the group gone', LIMIT_MS, () => livingMembers(leader).length === 0);
  }
}

/** `endBegun` ends this group of processes as well. */
export function endAfterwards(leader: number): void {
  begun.groups.push(leader);
}

export function optionsOf(
  dir: string,
  command: string,
  args: readonly string[],
): ProcessRuntimeOptions {
  return { command, args, env: process.env, cwd: dir, stateDir: dir };
}

/** A small node program as the server. */
export function programOptions(source: string): ProcessRuntimeOptions {
  return optionsOf(testDir('takeover'), process.execPath, ['-e', source]);
}

export async function agentOf(options: ProcessRuntimeOptions): Promise<AgentProcess> {
  const agent = await AgentProcess.start(options, 'life-1');
  begun.agents.push(agent);
  endAfterwards(agent.serverPid);
  return agent;
}

/** What the next agent finds. */
export async function adopt(
  options: ProcessRuntimeOptions,
  lines: string[] = [],
  warnings: string[] = [],
): Promise<RunningServer | null> {
  const log = keepingLog(lines, warnings);
  return processRuntime(options, log, systemTimekeeper).adopt();
}

export async function adopted(
  options: ProcessRuntimeOptions,
  lines?: string[],
): Promise<RunningServer> {
  const server = await adopt(options, lines);
  assert.ok(server, 'there is a server to take over');
  return server;
}

/** Resolves when the server has written this file. */
export async function said(options: ProcessRuntimeOptions, file: string): Promise<void> {
  await waitUntil(file, LIMIT_MS, () => existsSync(join(options.stateDir, file)));
}

/** A signal is on its way for a moment. */
export async function ended(pid: number): Promise<void> {
  await waitUntil('its end', LIMIT_MS, () => readProcess(pid) === null);
}

export const pidsOf = (leader: number): readonly number[] =>
  livingMembers(leader).map(({ pid }) => pid);
