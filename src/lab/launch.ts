import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../util/errors.js';
import { packageRoot } from '../util/package-root.js';
import type { LabContext } from './daemon-env.js';
import { agentEnv, baseEnv, MEDIA_MAX_SESSIONS, reconcilerEnv } from './daemon-env.js';
import type { FoundFreeswitch } from './freeswitch.js';
import { freeswitchCommand, prepareFreeswitchDirs } from './freeswitch.js';
import type { ProcessIdentity } from './parts/daemon.js';
import { startDaemon } from './parts/daemon.js';
import { kamailioBinary, kamailioCommand } from './parts/kamailio.js';
import type { LabNode, LabReconciler } from './plan.js';
import type { MediaServer } from './state.js';
import { partDir } from './state.js';

/** Memory of one Kamailio of the lab, in MB: 400 calls a second need 73 MB on the load-balancer. */
const KAMAILIO_SHM_MB = 256;
const KAMAILIO_PKG_MB = 8;

/** The script that `carna` starts; daemons of the lab run the same build. */
export function carnaScript(): string {
  return join(packageRoot(), 'dist/src/bin/carna.js');
}

/** Starts a reconciler; `extra` are settings of this one alone. */
export async function startReconciler(
  context: LabContext,
  reconciler: LabReconciler,
  extra: Readonly<Record<string, string>> = {},
): Promise<ProcessIdentity> {
  const env = { ...reconcilerEnv(context, reconciler), ...extra };
  return startCarna(context, reconciler.name, ['reconciler'], env);
}

/** Starts a node's agent, which starts the SIP server; `extra` are settings of this one alone. */
export async function startAgent(
  context: LabContext,
  node: LabNode,
  media: MediaServer,
  extra: Readonly<Record<string, string>> = {},
): Promise<ProcessIdentity> {
  const dir = partDir(context.runDir, node.name);
  mkdirSync(dir, { recursive: true });
  const server = serverCommand(context, node, media, dir);
  const env = { ...agentEnv(context, node, server.command), ...server.env, ...extra };
  return startCarna(context, node.name, ['agent'], env);
}

interface ServerCommand {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

function serverCommand(
  context: LabContext,
  node: LabNode,
  media: MediaServer,
  dir: string,
): ServerCommand {
  if (node.role !== 'media') {
    const binary = kamailioBinary(context.env);
    const memory = { shmMb: KAMAILIO_SHM_MB, pkgMb: KAMAILIO_PKG_MB };
    return {
      command: kamailioCommand({ role: node.role, binary, runDir: dir, ...memory }),
      env: {},
    };
  }
  if (media.kind === 'stand-in') {
    return { command: [process.execPath, carnaScript(), 'lab', 'stand-in'], env: {} };
  }
  return freeswitchServer(context, node, media.found, dir);
}

function freeswitchServer(
  context: LabContext,
  node: LabNode,
  found: FoundFreeswitch,
  dir: string,
): ServerCommand {
  if (node.esl === null) throw new LabError(`${node.name} has no event socket`);
  const command = freeswitchCommand(found, {
    runDir: dir,
    nodeName: node.name,
    sipHost: node.sip.host,
    sipPort: node.sip.port,
    eslHost: node.esl.host,
    eslPort: node.esl.port,
    eslPassword: context.secrets.eslPassword,
    maxSessions: MEDIA_MAX_SESSIONS,
  });
  prepareFreeswitchDirs(command);
  // Its configuration reads the password from the environment, and the agent takes it from one place only.
  return { command: command.command, env: { ...command.env, CARNA_ESL_PASSWORD_FILE: '' } };
}

/** As images/carna/entrypoint: one thread for V8's own work, which an agent has little of, saves 3 MB each. */
const AGENT_NODE_OPTIONS = ['--v8-pool-size=1'];

async function startCarna(
  context: LabContext,
  name: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<ProcessIdentity> {
  const dir = partDir(context.runDir, name);
  mkdirSync(dir, { recursive: true });
  return startDaemon({
    name,
    command: process.execPath,
    args: [...(args[0] === 'agent' ? AGENT_NODE_OPTIONS : []), carnaScript(), ...args],
    env: { ...baseEnv(context.env, context.mark), ...env },
    cwd: dir,
    logFile: join(dir, 'log'),
  });
}
