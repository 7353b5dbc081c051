import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessIdentity } from './process-group.js';

/**
 * Who holds the state folder and which server it runs, kept on disk so that the agent's successor finds
 * both. Written before the server is started (without its pid), after it, and when nothing of it is left.
 */
export interface ServerFile {
  readonly agent: ProcessIdentity;
  /** Null between two lives of the server. */
  readonly server: KeptServer | null;
}

export interface KeptServer {
  readonly instanceId: string;
  /** Tells whether the command was changed since (`hashOf`). */
  readonly commandHash: string;
  /** Wall clock in ms. */
  readonly startedAt: number;
  /** Null while it is being started. */
  readonly process: ProcessIdentity | null;
}

/** The shape on disk; `pid` and `startTicks` are the server's, for whoever looks from outside. */
interface Content {
  readonly pid: number | null;
  readonly startTicks: number | null;
  readonly startedAt: number | null;
  readonly instanceId: string | null;
  readonly commandHash: string | null;
  readonly agentPid: number;
  readonly agentStartTicks: number;
  /** Another boot makes pids and ticks meaningless. */
  readonly bootId: string;
}

const FILE = 'server.json';

/** Replaces the file at once (rename), so that a reader never sees half of it. Throws what the file system throws. */
export function writeServerFile(stateDir: string, { agent, server }: ServerFile): void {
  const content: Content = {
    pid: server?.process?.pid ?? null,
    startTicks: server?.process?.startTicks ?? null,
    startedAt: server?.startedAt ?? null,
    instanceId: server?.instanceId ?? null,
    commandHash: server?.commandHash ?? null,
    agentPid: agent.pid,
    agentStartTicks: agent.startTicks,
    bootId: readBootId(),
  };
  mkdirSync(stateDir, { recursive: true });
  const path = join(stateDir, FILE);
  writeFileSync(`${path}.new`, JSON.stringify(content));
  renameSync(`${path}.new`, path);
}

/** Null when there is none, it cannot be read, or it is of another boot. */
export function readServerFile(stateDir: string): ServerFile | null {
  let content: Partial<Record<keyof Content, unknown>>;
  try {
    content = JSON.parse(readFileSync(join(stateDir, FILE), 'utf8')) as typeof content;
  } catch {
    return null;
  }
  const { agentPid, agentStartTicks, instanceId, commandHash, startedAt, bootId } = content ?? {};
  const agent = identity(agentPid, agentStartTicks);
  if (agent === null || bootId !== readBootId()) return null;
  const isStarted = typeof instanceId === 'string' && typeof commandHash === 'string';
  if (!isStarted || typeof startedAt !== 'number') return { agent, server: null };
  const process = identity(content.pid, content.startTicks);
  return { agent, server: { instanceId, commandHash, startedAt, process } };
}

function identity(pid: unknown, startTicks: unknown): ProcessIdentity | null {
  const isOne = typeof pid === 'number' && Number.isInteger(pid) && pid > 0;
  return isOne && typeof startTicks === 'number' ? { pid, startTicks } : null;
}

/** Differs after every boot of the machine; empty where the kernel does not tell. */
export function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
