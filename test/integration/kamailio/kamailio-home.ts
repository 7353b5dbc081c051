import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ProcessIdentity } from '../../../src/lab/parts/daemon.js';
import { isAlive, signalDaemon, startDaemon } from '../../../src/lab/parts/daemon.js';
import { kamailioBinary, kamailioCommand } from '../../../src/lab/parts/kamailio.js';
import type { KamailioRole } from '../../../src/topology/node.js';
import { waitUntil } from '../../../src/util/wait.js';

const run = promisify(execFile);
const READY_MS = 20_000;

/** Where a Kamailio of a test lives, from one start to the next. */
export interface KamailioHome {
  readonly logFile: string;
  /** Returns when it answers its RPC; throws with its log when it ends before. */
  readonly start: (env: Readonly<Record<string, string>>) => Promise<ProcessIdentity>;
  /** What `kamcmd` prints. */
  readonly rpc: (...words: string[]) => Promise<string>;
  /** Signals the process or its whole group and waits until it is gone. */
  readonly end: (of: ProcessIdentity, signal: NodeJS.Signals, group: boolean) => Promise<void>;
}

/** Makes the home in `dir`; its Kamailio serves SIP at port 5060 of `host`. */
export function kamailioHome(role: KamailioRole, host: string, dir: string): KamailioHome {
  mkdirSync(dir, { recursive: true });
  const socket = join(dir, 'ctl');
  const logFile = join(dir, 'log');
  const binary = kamailioBinary(process.env);
  const memory = { shmMb: 256, pkgMb: 8 };
  const [command = '', ...args] = kamailioCommand({ role, binary, runDir: dir, ...memory });
  const own = {
    CARNA_SIP_HOST: host,
    CARNA_SIP_PORT: '5060',
    CARNA_CTL_SOCKET: socket,
    CARNA_NODE_ID: `${role}-${host}`,
  };
  const rpc = async (...words: string[]): Promise<string> =>
    (await run('kamcmd', ['-s', `unixs:${socket}`, ...words], { timeout: 5_000 })).stdout;
  const isAnswering = (): Promise<boolean> =>
    rpc('core.version').then(
      () => true,
      () => false,
    );
  return {
    logFile,
    rpc,
    start: async (more) => {
      const env = { ...process.env, ...own, ...more };
      const started = await startDaemon({ name: role, command, args, env, cwd: dir, logFile });
      try {
        await waitUntil(`${role} on ${host} answers RPC`, READY_MS, async () => {
          if (!isAlive(started)) throw new Error(`${role} ended: ${readFileSync(logFile, 'utf8')}`);
          return existsSync(socket) && (await isAnswering());
        });
      } catch (err) {
        signalDaemon(started, 'SIGKILL', true);
        throw err;
      }
      return started;
    },
    end: async (of, signal, group) => {
      signalDaemon(of, signal, group);
      await waitUntil(`${role} on ${host} is gone`, READY_MS, () => !isAlive(of), 5);
    },
  };
}
