import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { KamailioRpc, ReloadAnswer } from '../../../src/agent/ports.js';
import type { LiveDestination } from '../../../src/topology/live-destination.js';
import { BinrpcFaultError, ServerUnavailableError } from '../../../src/util/errors.js';

const run = promisify(execFile);

export interface KamailioFixture {
  readonly dir: string;
  readonly socket: string;
  readonly host: string;
  readonly port: number;
  readonly args: readonly string[];
}

/** Writes a minimal configuration that answers OPTIONS; `extra` are further lines before the route. */
export function kamailioFixture(
  dir: string,
  host: string,
  port: number,
  extra: readonly string[] = [],
): KamailioFixture {
  mkdirSync(join(dir, 'run'), { recursive: true });
  const socket = join(dir, 'ctl.sock');
  const config = join(dir, 'kamailio.cfg');
  writeFileSync(
    config,
    [
      '#!KAMAILIO',
      'debug=1',
      'log_stderror=yes',
      'children=2',
      'auto_aliases=no',
      'disable_tcp=yes',
      `listen=udp:${host}:${port}`,
      'mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"',
      'loadmodule "tm.so"',
      'loadmodule "sl.so"',
      'loadmodule "ctl.so"',
      'loadmodule "pv.so"',
      'modparam("pv", "shvset", "drain=i:0")',
      `modparam("ctl", "binrpc", "unixs:${socket}")`,
      ...extra,
      'request_route {',
      '  if ($shv(drain) == 1) sl_send_reply("503", "Draining");',
      '  else sl_send_reply("200", "OK");',
      '  exit;',
      '}',
      '',
    ].join('\n'),
  );
  const args = ['-DD', '-E', '-f', config, '-Y', join(dir, 'run'), '-m', '64', '-M', '8'];
  return { dir, socket, host, port, args };
}

/** One UDP OPTIONS; true when anything answers within the limit. */
export async function answersOptions(
  host: string,
  port: number,
  timeoutMs = 500,
): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    await new Promise<void>((resolve) => socket.bind(0, host, resolve));
    const own = socket.address().port;
    const id = `${own}-${performance.now()}`;
    const text = [
      `OPTIONS sip:${host}:${port} SIP/2.0`,
      `Via: SIP/2.0/UDP ${host}:${own};branch=z9hG4bK${id}`,
      'Max-Forwards: 5',
      `From: <sip:t@${host}>;tag=${id}`,
      `To: <sip:t@${host}>`,
      `Call-ID: ${id}`,
      'CSeq: 1 OPTIONS',
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n');
    return await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs);
      socket.on('error', () => undefined);
      socket.on('message', () => {
        clearTimeout(timer);
        resolve(true);
      });
      socket.send(text, port, host);
    });
  } finally {
    socket.close();
  }
}

/** The port that the applier needs, by way of Debian's kamcmd; counts its calls. */
export class KamcmdRpc implements KamailioRpc {
  readonly #socket: string;
  reloads = 0;
  setStates = 0;

  constructor(socket: string) {
    this.#socket = socket;
  }

  async readDispatcherList(): Promise<readonly LiveDestination[]> {
    const text = await this.call('dispatcher.list');
    if (text.includes('No Destination Sets')) return [];
    const list: LiveDestination[] = [];
    let setid = 0;
    for (const line of text.split('\n')) {
      const [, name = '', value = ''] = /^\s*([A-Z]+): (.*)$/.exec(line) ?? [];
      const last = list.at(-1);
      if (name === 'ID') setid = Number(value);
      else if (name === 'URI') {
        list.push({ setid, destination: value, letters: '', priority: 0, attrs: '' });
      } else if (last !== undefined && name === 'FLAGS') {
        list[list.length - 1] = { ...last, letters: value.trim() };
      } else if (last !== undefined && name === 'PRIORITY') {
        list[list.length - 1] = { ...last, priority: Number(value) };
      } else if (last !== undefined && name === 'BODY') {
        list[list.length - 1] = { ...last, attrs: value.trim() };
      }
    }
    return list;
  }

  async setDispatcherState(state: string, setid: number, destination: string): Promise<void> {
    this.setStates += 1;
    const text = await this.call('dispatcher.set_state', state, String(setid), destination);
    if (text.includes('error:')) throw new BinrpcFaultError('dispatcher.set_state', 500, text);
  }

  async reloadDispatcher(): Promise<ReloadAnswer> {
    this.reloads += 1;
    const text = await this.call('dispatcher.reload');
    if (text.includes('Ongoing reload')) return { kind: 'too-early' };
    return text.includes('error:') ? { kind: 'failed', text } : { kind: 'ok' };
  }

  async readTmStats(): Promise<{ current: number; waiting: number }> {
    const text = await this.call('tm.stats');
    const field = (name: string): number =>
      Number(new RegExp(`${name}: (\\d+)`).exec(text)?.[1] ?? NaN);
    return { current: field('current'), waiting: field('waiting') };
  }

  async readUptimeSeconds(): Promise<number> {
    return Number(/uptime: (\d+)/.exec(await this.call('core.uptime'))?.[1] ?? NaN);
  }

  async setSharedVariable(name: string, value: number): Promise<void> {
    const text = await this.call('pv.shvSet', name, 'int', String(value));
    if (text.includes('error:')) throw new BinrpcFaultError('pv.shvSet', 500, text);
  }

  async call(...words: readonly string[]): Promise<string> {
    try {
      const { stdout, stderr } = await run('kamcmd', ['-s', `unixs:${this.#socket}`, ...words], {
        timeout: 5_000,
        maxBuffer: 4_000_000,
      });
      return stdout + stderr;
    } catch (err) {
      throw new ServerUnavailableError(`kamcmd ${words.join(' ')}`, { cause: err });
    }
  }
}
