import { CarnaError, messageOf } from '../../util/errors.js';
import type {
  MarathonApp,
  MarathonDeployment,
  MarathonInfo,
  MarathonTask,
  QueueItem,
  Started,
  Step,
} from './answers.js';
import * as codec from './answers-codec.js';
import type { ByteStream } from './attachment.js';
import type { MarathonPorts, Target } from './call.js';
import { Caller } from './call.js';
import { openEvents } from './event-source.js';
import type { KillVerdict, StaleTasks } from './kill-verdict.js';
import { findStale, judgeKill } from './kill-verdict.js';
import type { ApiRequest } from './request.js';
import * as requests from './request.js';
import type { Change, Locked, Spoken } from './reply.js';
import { isUnknown, lockOf, lockOn, readChange, readKnown, readReply } from './reply.js';
import type { MarathonSettings } from './settings.js';
import { authorizationOf, checkBaseUrls, redactor } from './settings.js';

/** What ending a deployment answers. */
export type Cancelled =
  /** A new deployment takes the change back. */
  | ({ readonly kind: 'rolling-back' } & Started)
  /** Forced: it stopped where it stood. */
  | { readonly kind: 'stopped' }
  /** There is none by that id; it may be over. */
  | { readonly kind: 'unknown' }
  | Locked;

/** The settings, checked and compiled. Throws InvalidInputError that never shows a credential. Pure. */
export function compileTarget(settings: MarathonSettings): Target {
  return {
    bases: checkBaseUrls(settings),
    authorization: authorizationOf(settings.credentials),
    tryTimeoutMs: settings.tryTimeoutMs,
    callTimeoutMs: settings.callTimeoutMs,
    maxAnswerBytes: settings.maxAnswerBytes,
    ...(settings.caPem === undefined ? {} : { caPem: settings.caPem }),
  };
}

/**
 * Marathon's API as Carna uses it: every answer is checked, nothing is forced unless the method says so.
 *
 * Reads throw MarathonUnavailableError, DeadlineError, MarathonAnswerError, MarathonRefusedError, and
 * InvalidInputError for an answer that does not fit; they are repeated within `callTimeoutMs`. Changes
 * throw these when surely nothing has happened, and MarathonAmbiguousError when it may have.
 */
export class MarathonClient {
  readonly #target: Target;
  readonly #caller: Caller;
  readonly #redact: (text: string) => string;

  /** Throws InvalidInputError when the settings cannot be used. Opens nothing. */
  constructor(settings: MarathonSettings, ports: MarathonPorts) {
    this.#target = compileTarget(settings);
    this.#caller = new Caller(this.#target, ports);
    this.#redact = redactor(settings.credentials);
  }

  /** All apps, without their tasks. */
  async readApps(signal: AbortSignal): Promise<readonly MarathonApp[]> {
    return this.#read(requests.appsRequest(), codec.readAppsAnswer, signal);
  }

  /** One app with its tasks; undefined when Marathon has none of that id. */
  async readApp(appId: string, signal: AbortSignal): Promise<MarathonApp | undefined> {
    const spoken = await this.#send(requests.appRequest(appId), signal);
    return readKnown(spoken, codec.readAppAnswer);
  }

  /** The tasks of all apps. */
  async readTasks(signal: AbortSignal): Promise<readonly MarathonTask[]> {
    return this.#read(requests.listRequest('tasks'), codec.readTasksAnswer, signal);
  }

  /** The changes under way. */
  async readDeployments(signal: AbortSignal): Promise<readonly MarathonDeployment[]> {
    return this.#read(requests.listRequest('deployments'), codec.readDeploymentsAnswer, signal);
  }

  /** What waits for offers, and why. */
  async readQueue(signal: AbortSignal): Promise<readonly QueueItem[]> {
    return this.#read(requests.listRequest('queue'), codec.readQueueAnswer, signal);
  }

  /** Who answers, in which version. */
  async readInfo(signal: AbortSignal): Promise<MarathonInfo> {
    return this.#read(requests.listRequest('info'), codec.readInfoAnswer, signal);
  }

  /** The leader's `host:port`; undefined while there is none. */
  async readLeader(signal: AbortSignal): Promise<string | undefined> {
    const spoken = await this.#send(requests.listRequest('leader'), signal);
    return readKnown(spoken, codec.readLeaderAnswer);
  }

  /**
   * Raises the number of instances and never lowers it, since Marathon would choose who dies: the app is read
   * just before, and when it is gone, has as many by now, or is locked, nothing is sent.
   */
  async raiseApp(
    appId: string,
    instances: number,
    signal: AbortSignal,
  ): Promise<Change | { readonly kind: 'stale' }> {
    const before = await this.readApp(appId, signal);
    if (before === undefined || before.instances >= instances) return { kind: 'stale' };
    return lockOn(before) ?? this.scaleApp(appId, instances, signal);
  }

  /** Sets the number of instances, whatever it is: to raise it there is raiseApp, to lower it killAndScale. */
  async scaleApp(appId: string, instances: number, signal: AbortSignal): Promise<Change> {
    return this.#change(requests.scaleRequest(appId, instances), signal);
  }

  /**
   * Replaces an app's whole definition (linted before), or creates it. `instances` must be in it, just read:
   * a number that is too low kills, and Marathon chooses whom.
   */
  async putApp(
    appId: string,
    definition: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<Change> {
    return this.#change(requests.appPutRequest(appId, definition), signal, [200, 201]);
  }

  /** Changes only the named members of an app's definition; any but `instances` restarts all its tasks. */
  async updateApp(
    appId: string,
    update: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<Change> {
    return this.#change(requests.appUpdateRequest(appId, update), signal);
  }

  /** Replaces all tasks of an app, at the pace of its own upgradeStrategy. */
  async restartApp(appId: string, signal: AbortSignal): Promise<Change> {
    return this.#change(requests.restartRequest(appId), signal);
  }

  /** An app's definition as Marathon holds it, with what Marathon added; undefined when it has none of that id. */
  async readDefinition(
    appId: string,
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, unknown>> | undefined> {
    const spoken = await this.#send(requests.appRequest(appId), signal);
    return readKnown(spoken, codec.readDefinitionAnswer);
  }

  /** Puts a group's definition (linted before: Marathon drops unknown members without a word). */
  async putGroup(
    groupId: string,
    definition: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<Change> {
    return this.#change(requests.groupRequest(groupId, definition, false), signal, [200, 201]);
  }

  /** The steps that putGroup would take; changes nothing. */
  async planGroup(
    groupId: string,
    definition: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<{ readonly kind: 'steps'; readonly steps: readonly Step[] } | Locked> {
    const spoken = await this.#send(requests.groupRequest(groupId, definition, true), signal);
    const locked = lockOf(spoken);
    if (locked !== undefined) return locked;
    return { kind: 'steps', steps: readChange(spoken, codec.readStepsAnswer) };
  }

  /** Ends a deployment. */
  async cancelDeployment(
    deploymentId: string,
    isForced: boolean,
    signal: AbortSignal,
  ): Promise<Cancelled> {
    const spoken = await this.#send(requests.cancelRequest(deploymentId, isForced), signal);
    if (isUnknown(spoken)) return { kind: 'unknown' };
    const locked = lockOf(spoken);
    if (locked !== undefined) return locked;
    if (spoken.reply.status === 202) return { kind: 'stopped' };
    return { kind: 'rolling-back', ...readChange(spoken, codec.readStartedAnswer) };
  }

  /**
   * Kills exactly these tasks of one app and lowers its instances by their number, in one call.
   *
   * The app is read just before: a task that is no longer listed under its whole id, or a lock, ends it
   * with nothing sent. It is read once more after, since Marathon answers 200 also when it did nothing.
   */
  async killAndScale(
    appId: string,
    taskIds: readonly string[],
    signal: AbortSignal,
  ): Promise<KillVerdict | StaleTasks | Locked> {
    const request = requests.killAndScaleRequest(taskIds);
    const before = await this.readApp(appId, signal);
    const stale = findStale(before, taskIds);
    if (stale !== undefined || before === undefined) {
      return stale ?? { kind: 'stale', missing: taskIds, relaunched: [] };
    }
    const lock = lockOn(before);
    if (lock !== undefined) return lock;
    const change = await this.#change(request, signal);
    if (change.kind === 'locked') return change;
    try {
      return judgeKill(before, await this.readApp(appId, signal), taskIds.length, change);
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      return { ...change, kind: 'unverified', why: messageOf(err) };
    }
  }

  /** The event stream, for runEventStream, which is the one to use. The caller destroys it. */
  async openEvents(types: readonly string[], signal: AbortSignal): Promise<ByteStream> {
    return openEvents(this.#target, types, signal);
  }

  async #read<T>(
    request: ApiRequest,
    read: (what: string, json: unknown) => T,
    signal: AbortSignal,
  ): Promise<T> {
    return readReply(await this.#send(request, signal), read);
  }

  async #change(request: ApiRequest, signal: AbortSignal, good?: number[]): Promise<Change> {
    const spoken = await this.#send(request, signal);
    const locked = lockOf(spoken);
    if (locked !== undefined) return locked;
    return { kind: 'started', ...readChange(spoken, codec.readStartedAnswer, good) };
  }

  async #send(request: ApiRequest, signal: AbortSignal): Promise<Spoken> {
    const reply = await this.#caller.call(request, signal);
    return { what: requests.nameOf(request), reply, redact: this.#redact };
  }
}
