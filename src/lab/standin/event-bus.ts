import { randomUUID } from 'node:crypto';
import type { Clock } from '../../util/clock.js';
import { clockText } from './clock-text.js';
import type { EventHeader, SwitchEvent } from './switch-event.js';

/** Where in FreeSWITCH's source an event is fired: three of its headers. */
export interface CallingPlace {
  readonly file: string;
  readonly function: string;
  readonly line: number;
}

export interface BusIdentity {
  readonly hostName: string;
  readonly nodeName: string;
  readonly ipv4: string;
}

/** Numbers events, gives them the headers that all share, and hands them to every listener. */
export class EventBus {
  /** New at each start: how a client knows a restart behind the same address. */
  readonly coreUuid = randomUUID();
  readonly #identity: BusIdentity;
  readonly #clock: Clock;
  readonly #listeners = new Set<(event: SwitchEvent) => void>();
  #sequence = 400;

  constructor(identity: BusIdentity, clock: Clock) {
    this.#identity = identity;
    this.#clock = clock;
  }

  /** Returns the function that ends the subscription. */
  subscribe(listener: (event: SwitchEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(
    name: string,
    place: CallingPlace,
    headers: readonly EventHeader[],
    body: string | null = null,
  ): void {
    this.#publish({
      name,
      subclass: null,
      headers: [...this.#core(name, place), ...headers],
      body,
    });
  }

  /** A CUSTOM event. `before` stands before the shared headers, as in events that clients send. */
  emitCustom(
    subclass: string,
    place: CallingPlace,
    parts: {
      readonly before?: readonly EventHeader[];
      readonly after?: readonly EventHeader[];
      readonly body?: string | null;
    },
  ): void {
    const headers: EventHeader[] = [
      ['Event-Subclass', subclass],
      ...(parts.before ?? []),
      ...this.#core('CUSTOM', place),
      ...(parts.after ?? []),
    ];
    this.#publish({ name: 'CUSTOM', subclass, headers, body: parts.body ?? null });
  }

  #publish(event: SwitchEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  #core(name: string, place: CallingPlace): EventHeader[] {
    const wallMs = this.#clock.wallMs();
    return [
      ['Event-Name', name],
      ['Core-UUID', this.coreUuid],
      ['FreeSWITCH-Hostname', this.#identity.hostName],
      ['FreeSWITCH-Switchname', this.#identity.nodeName],
      ['FreeSWITCH-IPv4', this.#identity.ipv4],
      ['FreeSWITCH-IPv6', '::1'],
      ['Event-Date-Local', clockText(wallMs)],
      ['Event-Date-GMT', new Date(wallMs).toUTCString()],
      ['Event-Date-Timestamp', String(Math.floor(wallMs * 1000))],
      ['Event-Calling-File', place.file],
      ['Event-Calling-Function', place.function],
      ['Event-Calling-Line-Number', String(place.line)],
      ['Event-Sequence', String(++this.#sequence)],
    ];
  }
}
