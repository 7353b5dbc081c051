import { createSocket, type Socket } from 'node:dgram';
import { messageOf } from '../../util/errors.js';
import type { StandinConfig } from './config.js';
import type { StandinLogger } from './logger.js';
import type { MediaSwitch } from './media-switch.js';
import type { ProfilePort } from './profile-port.js';
import type { SipAddress } from './sip-response.js';
import { TimerSet, type Timers } from './timers.js';
import { Uas } from './uas.js';

/** The kernel's buffer for datagrams that wait for us. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/** How often a stop looks whether its BYEs are answered. */
const DRAIN_POLL_MS = 20;

export interface SipProfileParts {
  readonly config: StandinConfig;
  readonly switch: MediaSwitch;
  readonly timers: Timers;
  readonly log: StandinLogger;
}

/** The SIP port: a UDP socket with a Uas behind it, that can be stopped and started again. */
export class SipProfile implements ProfilePort {
  readonly name: string;
  readonly url: string;
  readonly host: string;
  readonly port: number;
  startedMonoMs = 0;
  readonly #parts: SipProfileParts;
  #running: { readonly socket: Socket; readonly uas: Uas; readonly timers: TimerSet } | null = null;

  constructor(parts: SipProfileParts) {
    const { sipHost, sipPort, profileName } = parts.config;
    this.#parts = parts;
    this.name = profileName;
    this.host = sipHost;
    this.port = sipPort;
    this.url = `sip:mod_sofia@${sipHost}:${sipPort}`;
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  get callsIn(): number {
    return this.#running?.uas.calls.callsIn ?? 0;
  }

  get failedCallsIn(): number {
    return this.#running?.uas.calls.failedCallsIn ?? 0;
  }

  get callsOut(): number {
    return this.#running?.uas.calls.callsOut ?? 0;
  }

  get failedCallsOut(): number {
    return this.#running?.uas.calls.failedCallsOut ?? 0;
  }

  /** As the real one, a taken port leaves the core alive without a profile. */
  async start(): Promise<boolean> {
    if (this.#running !== null) return true;
    const { config, switch: core, log } = this.#parts;
    const socket = createSocket({ type: this.host.includes(':') ? 'udp6' : 'udp4' });
    try {
      await bind(socket, this.host, this.port);
    } catch (err) {
      log.error({ err: messageOf(err), port: this.port }, 'sip port cannot be bound: no profile');
      socket.close();
      return false;
    }
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
    const timers = new TimerSet(this.#parts.timers);
    const uas = new Uas({
      local: { host: this.host, port: this.port },
      nodeName: config.nodeName,
      profileName: this.name,
      ringMs: config.ringMs,
      switch: core,
      timers,
      log,
      send: (bytes, to) => this.#send(socket, bytes, to),
    });
    socket.on('message', (datagram, from) =>
      uas.receive(datagram, { host: from.address, port: from.port }),
    );
    // A refused port of a caller that is gone comes back as an error of our socket.
    socket.on('error', (err) => log.warn({ err: messageOf(err) }, 'sip socket'));
    this.#running = { socket, uas, timers };
    this.startedMonoMs = core.monoMs;
    return true;
  }

  /** BYE to every call; resolves when each is answered or given up. */
  async drainCalls(cause: string): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    for (const uuid of this.#parts.switch.callIds) running.uas.hangup(uuid, cause);
    while (running.uas.dialogCount > 0) {
      await new Promise<void>((resolve) => this.#parts.timers.after(DRAIN_POLL_MS, resolve));
    }
  }

  async stop(): Promise<void> {
    await this.drainCalls('NORMAL_CLEARING');
    this.destroy();
  }

  /** Closes the port at once, without a BYE. */
  destroy(): void {
    const running = this.#running;
    this.#running = null;
    running?.timers.close();
    running?.socket.close();
  }

  hangup(uuid: string, cause: string): void {
    this.#running?.uas.hangup(uuid, cause);
  }

  #send(socket: Socket, bytes: Buffer, to: SipAddress): void {
    if (this.#running?.socket !== socket) return;
    socket.send(bytes, to.port, to.host, (err) => {
      if (err !== null) this.#parts.log.warn({ err: messageOf(err), to: to.host }, 'sip not sent');
    });
  }
}

async function bind(socket: Socket, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, host, () => {
      socket.removeListener('error', reject);
      resolve();
    });
  });
}
