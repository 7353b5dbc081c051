import { EVENT_NAMES, type EventFormat, type SwitchEvent } from './switch-event.js';

interface Filter {
  readonly header: string;
  readonly value: string;
}

/** More filters than this are refused. */
export const MAX_FILTERS = 1000;

/** What one connection wants to hear: names, CUSTOM subclasses, format and filters. */
export class Subscription {
  format: EventFormat = 'plain';
  /** Stays on after `nixevent all`; only `noevents` turns it off. */
  #isListening = false;
  readonly #names = new Set<string>();
  readonly #subclasses = new Set<string>();
  #isAll = false;
  #filters: readonly Filter[] = [];

  /** `event [FORMAT] NAME...`: the reply. */
  add(words: readonly string[]): string {
    const { format, names } = cutFormat(words);
    const known = this.#apply(names, true);
    if (known === 0) return '-ERR no keywords supplied';
    this.format = format;
    this.#isListening = true;
    return `+OK event listener enabled ${format}`;
  }

  /** `nixevent NAME...`: the reply. */
  remove(words: readonly string[]): string {
    return this.#apply(words, false) === 0 ? '-ERR no keywords supplied' : '+OK events nixed';
  }

  /** `noevents`: the reply. */
  clear(): string {
    if (!this.#isListening) return '-ERR not listening for events';
    this.#isListening = false;
    this.#forgetAll();
    return '+OK no longer listening for events';
  }

  /** `filter ...`: the reply. */
  filter(words: readonly string[]): string {
    const [first = '', ...rest] = words;
    if (first === 'delete') return this.#deleteFilter(rest);
    const [header = '', ...value] = first === 'add' ? rest : words;
    if (header === '' || value.length === 0) return '-ERR invalid syntax';
    if (this.#filters.length >= MAX_FILTERS) return '-ERR too many filters';
    this.#filters = [...this.#filters, { header, value: value.join(' ') }];
    return `+OK filter added. [${header}]=[${value.join(' ')}]`;
  }

  /** Whether this connection gets the event. */
  wants(event: SwitchEvent): boolean {
    if (!this.#isListening || !this.#isNamed(event)) return false;
    return this.#filters.length === 0 || passes(this.#filters, event);
  }

  #isNamed(event: SwitchEvent): boolean {
    if (this.#isAll) return true;
    if (!this.#names.has(event.name)) return false;
    return event.subclass === null || this.#subclasses.has(event.subclass);
  }

  /** Adds or removes; the words after CUSTOM are subclasses. Gives how many known names there were. */
  #apply(words: readonly string[], isAdding: boolean): number {
    let known = 0;
    let isCustom = false;
    for (const word of words) {
      const name = word.toUpperCase();
      const set = isCustom ? this.#subclasses : this.#names;
      const entry = isCustom ? word : name;
      if (isCustom || EVENT_NAMES.has(name)) {
        known += 1;
        if (isAdding) set.add(entry);
        else set.delete(entry);
      } else if (name === 'ALL') {
        known += 1;
        this.#isAll = isAdding;
        if (!isAdding) this.#forgetAll();
      }
      isCustom ||= name === 'CUSTOM';
    }
    return known;
  }

  #forgetAll(): void {
    this.#isAll = false;
    this.#names.clear();
    this.#subclasses.clear();
  }

  #deleteFilter([header = '', ...words]: readonly string[]): string {
    const value = words.join(' ');
    if (header === '') return '-ERR invalid syntax';
    this.#filters =
      header === 'all'
        ? []
        : this.#filters.filter(
            (f) => !(f.header === header && (value === '' || f.value === value)),
          );
    return `+OK filter deleted. [${header}][${value}]`;
  }
}

function cutFormat(words: readonly string[]): {
  readonly format: EventFormat;
  readonly names: readonly string[];
} {
  const first = words[0]?.toLowerCase();
  if (first === 'plain' || first === 'json' || first === 'xml') {
    return { format: first, names: words.slice(1) };
  }
  return { format: 'plain', names: words };
}

/** Filters are joined by or; `/.../` is a regular expression, anything else the whole value. */
function passes(filters: readonly Filter[], event: SwitchEvent): boolean {
  return filters.some(({ header, value }) => {
    const isNegated = value.startsWith('-');
    const wanted = isNegated ? value.slice(1) : value;
    const found = event.headers.find(([name]) => name.toLowerCase() === header.toLowerCase())?.[1];
    return found !== undefined && matches(found, wanted) !== isNegated;
  });
}

function matches(found: string, wanted: string): boolean {
  if (!wanted.startsWith('/')) return found.toLowerCase() === wanted.toLowerCase();
  try {
    return new RegExp(wanted.slice(1).replace(/\/$/, '')).test(found);
  } catch {
    return false;
  }
}
