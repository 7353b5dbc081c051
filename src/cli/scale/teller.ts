import type { Role } from '../../topology/node.js';
import type { Context } from '../context.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import { formatDuration } from '../render/units.js';
import type { ScaleJson, ScaleStep } from './scale-json.js';

/** Of which app a line tells. */
export interface Subject {
  readonly appId: string;
  readonly role: Role | null;
}

type More = Partial<Pick<ScaleJson, 'nodeId' | 'victims' | 'checks'>>;

/** Says each step once, with the time since the command began: a line for people or a JSON object. */
export class Teller {
  readonly isJson: boolean;
  readonly #context: Context;
  readonly #beganMs: number;
  /** What was said last, by node. */
  readonly #said = new Map<string, string>();

  constructor(context: Context, isJson: boolean) {
    this.#context = context;
    this.isJson = isJson;
    this.#beganMs = context.clock.monoMs();
  }

  /**
   * Nothing when the last line of the same node (or of the app, without one) said the same; lines with an
   * `aside` count by themselves.
   */
  step(subject: Subject, step: ScaleStep, text: string, more: More = {}, aside = ''): void {
    const about = `${subject.appId} ${more.nodeId ?? ''} ${aside}`;
    const what = `${step} ${text}`;
    if (this.#said.get(about) === what) return;
    this.#said.set(about, what);
    if (this.isJson) {
      this.#json(subject, step, text, more);
      return;
    }
    const { clock, paint } = this.#context;
    const atMs = clock.monoMs() - this.#beganMs;
    this.#context.print(`${paint.dim(`+${formatDuration(atMs)}`.padStart(8))}  ${text}`);
  }

  /** Lines of a plan or of an end: without a time. */
  lines(subject: Subject, step: ScaleStep, lines: readonly string[], more: More = {}): void {
    if (this.isJson) this.#json(subject, step, lines.join('\n'), more);
    else this.#context.print(...lines);
  }

  #json(subject: Subject, step: ScaleStep, text: string, more: More): void {
    const atMs = this.#context.clock.wallMs();
    const line = {
      schema: JSON_SCHEMA,
      atMs,
      ...subject,
      step,
      nodeId: null,
      text,
      ...more,
    } as const;
    this.#context.print(jsonLine(line));
  }
}
