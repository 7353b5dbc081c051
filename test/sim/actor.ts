import type { SimEvent } from './scheduler.js';

/**
 * One life of a simulated operating-system process. Everything that its code scheduled belongs to it: a
 * dead one's timers and callbacks never fire, a paused one's are held.
 */
export class Actor {
  readonly name: string;
  state: 'running' | 'paused' | 'dead' = 'running';
  held: SimEvent[] = [];
  /** Called when it dies, by whatever cause: its connections drop. */
  readonly onDeath = new Set<() => void>();
  readonly host: Host;

  constructor(host: Host) {
    this.host = host;
    this.name = `${host.name}#${host.lives}`;
  }
}

/** When a trigger fires: as the effect is about to be asked for, or as it has just taken place. */
export type EffectPhase = 'before' | 'after';

/** A fault that waits for the n-th side effect of a host. */
export interface Trigger {
  readonly phase: EffectPhase;
  /** Only effects whose name begins so. */
  readonly prefix: string;
  countdown: number;
  readonly fire: () => void;
}

/** Where a process runs, life after life. */
export class Host {
  readonly name: string;
  lives = 0;
  actor: Actor | null = null;
  /** By how much its wall clock is wrong, in ms. */
  clockOffsetMs = 0;
  triggers: Trigger[] = [];
  /** False: it is not started again. */
  mayLive = true;

  constructor(name: string) {
    this.name = name;
  }

  /** Tells of a side effect; a waiting fault may strike. */
  effect(name: string, phase: EffectPhase): void {
    if (this.triggers.length === 0) return;
    const due: Trigger[] = [];
    for (const trigger of this.triggers) {
      if (trigger.phase !== phase || !name.startsWith(trigger.prefix)) continue;
      trigger.countdown -= 1;
      if (trigger.countdown <= 0) due.push(trigger);
    }
    if (due.length === 0) return;
    this.triggers = this.triggers.filter((trigger) => !due.includes(trigger));
    for (const trigger of due) trigger.fire();
  }
}
