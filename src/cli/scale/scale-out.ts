import type { Member } from '../../marathon/scale/member.js';
import { whyWaiting } from '../../marathon/scale/queue-words.js';
import { deriveOutStep } from '../../marathon/scale/out-step.js';
import type { OutStep } from '../../marathon/scale/out-step.js';
import {
  CarnaError,
  MarathonAmbiguousError,
  MarathonRefusedError,
  messageOf,
} from '../../util/errors.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { formatDuration, plural } from '../render/units.js';
import { deriveArrival, isUnprovable } from './arrival.js';
import { departedOf, remainsOf } from './leftovers.js';
import type { Picture } from './picture.js';
import { tryPicture } from './picture.js';
import type { ScaleRun } from './run.js';
import { pauseMs, uncut } from './run.js';
import type { Subject } from './teller.js';

/** After a change of unknown outcome it is looked for so long. */
const DOUBT_MS = 15_000;

type Follow = Extract<OutStep, { readonly kind: 'follow' }>;

/** Brings an app to a larger number and follows every new node until it takes calls. */
export class ScaleOut {
  readonly #run: ScaleRun;
  readonly #subject: Subject;
  readonly #target: number;
  readonly #untilMs: number;
  /** What is still missing, as of the last look. */
  #missing: readonly string[] = [];
  #isWaiting = false;
  #waitingFor = '';
  #deploymentIds: readonly string[] = [];
  /** Times in a row that a lock or a trouble kept us from asking. */
  #refusals = 0;
  #doubt: { readonly error: MarathonAmbiguousError; readonly untilMs: number } | null = null;
  /** Nodes that were down, or up for long, before anything was asked: they are not waited for. */
  #old: ReadonlySet<string> | null = null;

  constructor(run: ScaleRun, subject: Subject, target: number) {
    this.#run = run;
    this.#subject = subject;
    this.#target = target;
    this.#untilMs = run.context.clock.monoMs() + run.timeoutMs;
  }

  /**
   * EXIT.done when all nodes are there; EXIT.no at the deadline, Ctrl-C or when the number is another's by now;
   * EXIT.away when nobody answered at the deadline.
   */
  async run(stop: AbortSignal): Promise<ExitCode> {
    const { context } = this.#run;
    while (!stop.aborted) {
      const picture = await tryPicture(this.#run, this.#subject, stop);
      if (picture === null) this.#missing = ['Marathon or ZooKeeper does not answer'];
      const code = picture === null ? null : await this.#advance(picture, stop);
      if (code !== null) return code;
      if (context.clock.monoMs() >= this.#untilMs) {
        return this.#late(picture === null ? EXIT.away : EXIT.no);
      }
      await context.wait(pauseMs(this.#refusals), stop);
    }
    return this.#left();
  }

  async #advance(picture: Picture, stop: AbortSignal): Promise<ExitCode | null> {
    const { app, members } = picture;
    this.#old ??= new Set(members.filter((one) => isOld(one, picture)).map((one) => one.nodeId));
    const step = deriveOutStep(app, this.#subject.appId, this.#target);
    this.#deploymentIds = app?.deploymentIds ?? [];
    switch (step.kind) {
      case 'stop':
        return this.#end('failed', EXIT.no, [`${step.why}; nothing more was changed.`]);
      case 'await-lock':
        this.#missing = [`${lockText(step.deploymentIds)} is under way; ours was not started`];
        this.#run.teller.step(this.#subject, 'locked', waitingForLock(step.deploymentIds));
        return null;
      case 'put':
        this.#missing = ['Marathon has not taken the number'];
        await this.#put();
        return null;
      case 'follow':
        this.#doubt = null;
        return this.#follow(step, picture, stop);
      default:
        return step satisfies never;
    }
  }

  /** A lost answer is looked for, never asked again. What somebody else did meanwhile shows at the next look. */
  async #put(): Promise<void> {
    const { marathon, teller, context } = this.#run;
    if (this.#doubt !== null) {
      if (context.clock.monoMs() >= this.#doubt.untilMs) throw this.#doubt.error;
      return;
    }
    try {
      const change = await marathon.raiseApp(this.#subject.appId, this.#target, uncut);
      if (change.kind === 'locked') {
        this.#refusals++;
        teller.step(this.#subject, 'locked', waitingForLock(change.deploymentIds));
      } else if (change.kind === 'started') {
        this.#refusals = 0;
        const text = `Marathon takes ${plural(this.#target, 'instance')} (deployment ${change.deploymentId})`;
        teller.step(this.#subject, 'asked', text);
      }
    } catch (err) {
      if (!(err instanceof CarnaError) || err instanceof MarathonRefusedError) throw err;
      this.#refusals++;
      teller.step(this.#subject, 'away', `${messageOf(err)}; looking again`);
      if (err instanceof MarathonAmbiguousError) {
        this.#doubt = { error: err, untilMs: context.clock.monoMs() + DOUBT_MS };
      }
    }
  }

  async #follow(step: Follow, picture: Picture, stop: AbortSignal): Promise<ExitCode | null> {
    const { teller, context } = this.#run;
    const missing: string[] = [];
    this.#isWaiting = step.waiting > 0;
    if (step.waiting > 0) missing.push(await this.#whyWaiting(step.waiting, stop));
    if (step.surplus > 0)
      missing.push(`${plural(step.surplus, 'task')} of before have not ended yet`);
    for (const member of picture.members) {
      const arrival = deriveArrival(member, picture, context.clock.wallMs());
      const { nodeId, taskState } = member;
      teller.step(this.#subject, arrival.step, arrival.text, { nodeId });
      const isWaitedFor = taskState !== 'TASK_UNREACHABLE' && this.#old?.has(nodeId) !== true;
      if (!arrival.isThere && isWaitedFor) missing.push(arrival.text);
    }
    if (picture.topology.isFresh) await this.#forgetDeparted(picture);
    else missing.push('ZooKeeper is away: what is known of the nodes is old');
    this.#missing = missing;
    return missing.length > 0 ? null : this.#done(picture);
  }

  async #whyWaiting(count: number, stop: AbortSignal): Promise<string> {
    const { marathon, teller } = this.#run;
    let why: readonly string[] = [];
    try {
      const queue = await marathon.readQueue(stop);
      why = whyWaiting(queue.find(({ id }) => id === this.#subject.appId));
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      why = [messageOf(err)];
    }
    const text = `${plural(count, 'instance')} ${count === 1 ? 'waits' : 'wait'} for an offer that fits`;
    const whole = why.length === 0 ? text : `${text}: ${why.join('; ')}`;
    // The counts grow with every offer: said again only when the reasons are others.
    const kinds = whole.replaceAll(/\d+/g, '#');
    if (kinds !== this.#waitingFor) teller.step(this.#subject, 'waiting', whole);
    this.#waitingFor = kinds;
    return whole;
  }

  /** An earlier way down may have been left before its drains were forgotten. */
  async #forgetDeparted(picture: Picture): Promise<void> {
    for (const nodeId of departedOf(this.#subject.appId, picture)) {
      if (remainsOf(nodeId, nodeId, picture).length > 0) continue;
      await this.#run.data.removeIntent(nodeId);
      this.#run.teller.step(this.#subject, 'gone', `${nodeId} is gone, its drain is forgotten`, {
        nodeId,
      });
    }
  }

  #done(picture: Picture): ExitCode {
    const trouble = picture.members.filter(({ record }) => record?.state !== 'up');
    const there = picture.members.length - trouble.length;
    const name = this.#subject.role ?? this.#subject.appId;
    const lines = [
      `${name} has ${plural(this.#target, 'instance')}; ${there} of them up and listed wherever they have to be.`,
    ];
    if (trouble.length > 0) {
      lines.push(`Not up: ${trouble.map(({ nodeId }) => nodeId).join(', ')}. See: carna topology`);
    }
    return this.#end('done', EXIT.done, lines);
  }

  #late(code: ExitCode): ExitCode {
    const after = formatDuration(this.#run.timeoutMs);
    return this.#end('failed', code, [
      `${this.#name()}: not there after ${after}:`,
      ...this.#missing.map((text) => `  ${text}`),
      ...this.#underWay(),
    ]);
  }

  #left(): ExitCode {
    return this.#end('left', EXIT.no, [
      '',
      `${this.#name()}: left before the end.`,
      ...this.#underWay(),
    ]);
  }

  #underWay(): string[] {
    const name = this.#name();
    const goesOn =
      this.#deploymentIds.length > 0
        ? [`Marathon goes on with ${lockText(this.#deploymentIds)}.`]
        : [];
    const waiting = this.#isWaiting
      ? [
          'Instances that wait start when an offer fits. Marathon has no call that takes them back alone:',
          'lowering the number by hand, or rolling the deployment back, kills RUNNING nodes first.',
        ]
      : [];
    const undo = this.#isWaiting ? '' : ` Undo: carna scale ${name} with the number of before.`;
    return [
      ...goesOn,
      ...waiting,
      `Look: carna topology. Go on: carna scale ${name} ${this.#target}.${undo}`,
    ];
  }

  #name(): string {
    return this.#subject.role ?? this.#subject.appId;
  }

  #end(step: 'done' | 'failed' | 'left', code: ExitCode, lines: readonly string[]): ExitCode {
    this.#run.teller.lines(this.#subject, step, lines);
    return code;
  }
}

function isOld({ record, intent }: Member, picture: Picture): boolean {
  if (record === null || intent !== null) return false;
  return record.state === 'down' || (record.state === 'up' && isUnprovable(record, picture));
}

/** "deployment d-1". */
export function lockText(ids: readonly string[]): string {
  return `${ids.length === 1 ? 'deployment' : 'deployments'} ${ids.join(', ')}`;
}

/** What is told while another deployment holds the app. */
export function waitingForLock(ids: readonly string[]): string {
  return `waiting for ${lockText(ids)}, which ${ids.length === 1 ? 'is' : 'are'} under way`;
}
