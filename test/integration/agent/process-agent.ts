import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import type { ProcessRuntimeOptions } from '../../../src/agent/runtime/process.js';
import { processRuntime } from '../../../src/agent/runtime/process.js';
import type { RunningServer } from '../../../src/agent/runtime/runtime.js';
import { systemTimekeeper } from '../../../src/agent/timekeeper.js';
import { waitUntil } from '../../../src/util/wait.js';
import { silentLog } from '../../agent/support/fakes.js';

const LIMIT_MS = 20_000;

/** A log that keeps the lines of the server, and the text of every warning. */
export function keepingLog(lines: string[], warnings: string[] = []): Logger {
  return {
    ...silentLog,
    info: (facts: { readonly line?: string }) => facts.line !== undefined && lines.push(facts.line),
    warn: (_facts: object, text: string) => warnings.push(text),
  } as unknown as Logger;
}

/** An agent reduced to its runtime, in a process of its own that a test may kill. */
export class AgentProcess {
  /** What its log says of the server's output. */
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  #server: Pick<RunningServer, 'pid' | 'instanceId' | 'isAdopted'> | null = null;

  /** Resolves when its server runs. */
  static async start(options: ProcessRuntimeOptions, instanceId: string): Promise<AgentProcess> {
    const agent = new AgentProcess(options, instanceId);
    await waitUntil('the agent', LIMIT_MS, () => agent.#server !== null);
    return agent;
  }

  private constructor(options: ProcessRuntimeOptions, instanceId: string) {
    const args = [fileURLToPath(import.meta.url), JSON.stringify({ options, instanceId })];
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let held = '';
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const pieces = (held + text).split('\n');
      held = pieces.pop() ?? '';
      for (const piece of pieces) this.#take(JSON.parse(piece) as string | RunningServer);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get serverPid(): number {
    return this.#server?.pid ?? 0;
  }

  /** `kill -9`; resolves when it is gone and all it said is read. */
  async kill(): Promise<void> {
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGKILL');
    await closed;
  }

  #take(said: string | RunningServer): void {
    if (typeof said === 'string') this.lines.push(said);
    else this.#server = said;
  }
}

async function main(text: string): Promise<void> {
  const { options, instanceId } = JSON.parse(text) as {
    readonly options: ProcessRuntimeOptions;
    readonly instanceId: string;
  };
  const say = (said: unknown): unknown => process.stdout.write(`${JSON.stringify(said)}\n`);
  const log = {
    ...silentLog,
    info: (facts: { readonly line?: string }) => facts.line !== undefined && say(facts.line),
  } as unknown as Logger;
  const runtime = processRuntime(options, log, systemTimekeeper);
  const server = (await runtime.adopt()) ?? (await runtime.start(instanceId, () => undefined));
  say({ pid: server.pid, instanceId: server.instanceId, isAdopted: server.isAdopted });
  await server.exited;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv[2] ?? '');
