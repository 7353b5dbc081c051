import { defaultRunDir, requireLab } from '../../lab/state.js';
import type { LabStatus } from '../../lab/status.js';
import { labStatus } from '../../lab/status.js';
import type { Context } from '../context.js';
import { renderTable } from '../render/layout.js';

/** `carna lab status`. */
export async function statusCommand(
  context: Context,
  options: { readonly json?: true },
): Promise<void> {
  const state = requireLab(defaultRunDir(context.proc.env));
  const status = await labStatus(state);
  if (options.json === true) {
    context.print(JSON.stringify(status, null, 2));
    return;
  }
  context.print(...statusText(status, context.width()));
  for (const one of status.dataCentres) {
    context.print('', `data centre ${one.dc}`, ...statusText(one, context.width()));
  }
}

function statusText(status: LabStatus, width: number): string[] {
  const dead = [
    ...status.parts.filter((part) => part.pid === null).map((part) => part.name),
    ...status.nodes.filter((node) => node.agentPid === null).map((node) => `${node.name}'s agent`),
    ...status.nodes
      .filter((node) => node.serverPid === null)
      .map((node) => `${node.name}'s server`),
  ];
  const nodes = status.nodes.map((node) => [
    node.name,
    node.sip,
    node.ctlSocket ?? `esl ${node.esl ?? ''}`,
    node.http,
    pid(node.agentPid),
    pid(node.serverPid),
  ]);
  return [
    dead.length === 0 ? 'up: everything runs' : `not running: ${dead.join(', ')}`,
    '',
    ...renderTable(
      [
        { header: 'NODE' },
        { header: 'SIP' },
        { header: 'CONTROL', drop: 2 },
        { header: 'AGENT HTTP', drop: 1 },
        { header: 'AGENT', align: 'end' },
        { header: 'SERVER', align: 'end' },
      ],
      nodes,
      width,
    ),
    '',
    `media      ${status.media === 'stand-in' ? 'stand-in (no FreeSWITCH here)' : 'FreeSWITCH'}`,
    ...status.zookeepers.map(
      (server) =>
        `${server.name.padEnd(10)} ${server.address}   pid ${pid(server.pid)}   ${server.mode ?? 'serves nobody'}`,
    ),
    `postgres   ${status.databaseUrl}   pid ${pid(pidOf(status, 'postgres'))}`,
    ...status.parts
      .filter((part) => part.name.startsWith('reconciler'))
      .map((part) => `${part.name}   pid ${pid(part.pid)}`),
    `users      phone-1 to phone-${status.users.count} @${status.users.domain}   password in ${status.users.passwordFile}`,
    `folder     ${status.runDir}`,
  ];
}

function pidOf(status: LabStatus, name: string): number | null {
  return status.parts.find((part) => part.name === name)?.pid ?? null;
}

function pid(value: number | null): string {
  return value === null ? 'none' : String(value);
}
