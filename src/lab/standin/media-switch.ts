import { randomUUID } from 'node:crypto';
import type { Clock } from '../../util/clock.js';
import { CHANNEL_STAGES, channelHeaders, type Call, type CallInfo } from './call.js';
import type { ChannelStage } from './call.js';
import type { StandinConfig } from './config.js';
import { EventBus } from './event-bus.js';
import { SessionStats } from './session-stats.js';

/** How late `show` learns of a start or an end: it reads a copy, 55 to 190 ms behind. */
const SHOW_LAG_MS = 150;

export type Direction = 'inbound' | 'outbound';
/** Why a new call is refused, or null when it is taken. */
export type Refusal = 'paused' | 'stopping' | 'full' | 'too fast' | null;

/** The core of the stand-in: pause flags, limits, calls and counters. It knows neither SIP nor sockets. */
export class MediaSwitch {
  readonly bus: EventBus;
  readonly stats = new SessionStats();
  readonly startedMonoMs: number;
  maxSessions: number;
  sessionsPerSecond: number;
  /** Log lines above this level are dropped; -1 drops all. */
  logLevel = 7;
  /** `fsctl shutdown elegant|asap` is waiting for the last call. */
  isShutdownRequested = false;
  /** The stop has begun: nothing new is taken. */
  isStopping = false;
  readonly #clock: Clock;
  readonly #paused: Record<Direction, boolean> = { inbound: false, outbound: false };
  readonly #calls = new Map<string, Call>();
  #ended: Call[] = [];
  #idleListeners: (() => void)[] = [];

  constructor(config: StandinConfig, clock: Clock) {
    this.bus = new EventBus({ ...config, ipv4: config.sipHost }, clock);
    this.#clock = clock;
    this.startedMonoMs = clock.monoMs();
    this.maxSessions = config.maxSessions;
    this.sessionsPerSecond = config.sessionsPerSecond;
  }

  get uptimeMs(): number {
    return this.#clock.monoMs() - this.startedMonoMs;
  }

  get monoMs(): number {
    return this.#clock.monoMs();
  }

  get wallMs(): number {
    return this.#clock.wallMs();
  }

  /** Sessions now; true to the moment. */
  get active(): number {
    return this.#calls.size;
  }

  /** `is ready`: says nothing but that not everything is paused. */
  get isReady(): boolean {
    return !(this.#paused.inbound && this.#paused.outbound);
  }

  isPaused(direction: Direction): boolean {
    return this.#paused[direction];
  }

  setPaused(directions: readonly Direction[], isPaused: boolean): void {
    for (const direction of directions) this.#paused[direction] = isPaused;
  }

  /** Whether OPTIONS is answered 503: the profile sets sip-options-respond-503-on-busy. */
  get isBusy(): boolean {
    return this.#paused.inbound || this.isStopping || this.active + 1 >= this.maxSessions;
  }

  /** As FreeSWITCH: of N sessions, and of N a second, N-1 are given. */
  refusalOfNewCall(): Refusal {
    if (this.isStopping) return 'stopping';
    if (this.#paused.inbound) return 'paused';
    if (this.active + 1 >= this.maxSessions) return 'full';
    const started = this.stats.startedThisSecond(this.monoMs);
    return started + 1 >= this.sessionsPerSecond ? 'too fast' : null;
  }

  hasCall(uuid: string): boolean {
    return this.#calls.has(uuid);
  }

  get callIds(): readonly string[] {
    return [...this.#calls.keys()];
  }

  /** The calls that `show` knows of by now, oldest first. */
  get shownCalls(): readonly Call[] {
    const horizonMs = this.monoMs - SHOW_LAG_MS;
    return [...this.#ended, ...this.#calls.values()]
      .filter((call) => call.createdMonoMs <= horizonMs)
      .filter((call) => call.endedMonoMs === null || call.endedMonoMs > horizonMs)
      .sort((a, b) => a.sessionId - b.sessionId);
  }

  /**
   * Takes a call and fires CHANNEL_CREATE. `callUuid` names the channel that makes this one, an outbound
   * leg. Does not ask `refusalOfNewCall`.
   */
  createCall(info: CallInfo, callUuid: string | null = null): Call {
    const uuid = randomUUID();
    const call: Call = {
      ...info,
      uuid,
      direction: callUuid === null ? 'inbound' : 'outbound',
      callUuid: callUuid ?? uuid,
      bridge: null,
      sessionId: this.stats.total + 1,
      createdUs: this.#nowUs(),
      progressUs: 0,
      answeredUs: 0,
      hangupUs: 0,
      cause: null,
      createdMonoMs: this.monoMs,
      endedMonoMs: null,
    };
    this.#calls.set(call.uuid, call);
    this.stats.noteStart(this.monoMs, this.active);
    this.#fire(call, CHANNEL_STAGES.create);
    return call;
  }

  ringCall(uuid: string): void {
    this.#change(uuid, { progressUs: this.#nowUs() }, CHANNEL_STAGES.progress);
  }

  answerCall(uuid: string): void {
    this.#change(uuid, { answeredUs: this.#nowUs() }, CHANNEL_STAGES.answer);
  }

  /** Joins two channels. No recording shows the events of it: none is fired. */
  bridgeCalls(caller: string, callee: string): void {
    this.#join(caller, { side: 'caller', uuid: callee });
    this.#join(callee, { side: 'callee', uuid: caller });
  }

  unbridgeCall(uuid: string): void {
    const other = this.#calls.get(uuid)?.bridge?.uuid;
    this.#join(uuid, null);
    if (other !== undefined) this.#join(other, null);
  }

  /** Ends a call and fires its last three events; nothing when it is gone already. */
  endCall(uuid: string, cause: string): void {
    const call = this.#calls.get(uuid);
    if (call === undefined) return;
    const ended = { ...call, cause, hangupUs: this.#nowUs(), endedMonoMs: this.monoMs };
    this.#calls.delete(uuid);
    const horizonMs = this.monoMs - SHOW_LAG_MS;
    this.#ended = this.#ended.filter((c) => (c.endedMonoMs ?? 0) > horizonMs);
    this.#ended.push(ended);
    this.#fire(ended, CHANNEL_STAGES.hangup);
    this.#fire(ended, CHANNEL_STAGES.hangupComplete);
    this.#fire(ended, CHANNEL_STAGES.destroy);
    if (this.active === 0) this.#wakeIdle();
  }

  /** Resolves when no call is left, or when `cancelIdleWaits` is called. */
  async idle(): Promise<void> {
    if (this.active === 0) return;
    await new Promise<void>((resolve) => this.#idleListeners.push(resolve));
  }

  cancelIdleWaits(): void {
    this.#wakeIdle();
  }

  #wakeIdle(): void {
    const waiting = this.#idleListeners;
    this.#idleListeners = [];
    for (const wake of waiting) wake();
  }

  #change(uuid: string, change: Partial<Call>, stage: ChannelStage): void {
    const call = this.#calls.get(uuid);
    if (call === undefined) return;
    const changed = { ...call, ...change };
    this.#calls.set(uuid, changed);
    this.#fire(changed, stage);
  }

  #join(uuid: string, bridge: Call['bridge']): void {
    const call = this.#calls.get(uuid);
    if (call !== undefined) this.#calls.set(uuid, { ...call, bridge });
  }

  #fire(call: Call, stage: ChannelStage): void {
    this.bus.emit(stage.event, stage.place, channelHeaders(call, stage));
  }

  #nowUs(): number {
    return Math.floor(this.#clock.wallMs() * 1000);
  }
}
