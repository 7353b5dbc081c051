import type { Evidence } from '../topology/desired-rows.js';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import type { GenerationRecord } from '../topology/node.js';
import type { PassPlan } from '../topology/plan-pass.js';
import type { Findings } from '../topology/witnessed.js';
import { remoteRecords } from '../topology/remotes.js';
import { findingChanges, findingsIn, findWitnessed, witnessReport } from '../topology/witnessed.js';
import { destinationsOf } from './destinations.js';
import { logFindings } from './findings-log.js';
import type { GenerationTeller } from './generation-teller.js';
import type { ReconcilerDeps } from './ports.js';
import type { Remotes } from './remotes.js';
import type { Witness } from './witness.js';

/** What the witness found during one term, begun with what the leader before us had found. */
export class TermFindings {
  readonly #deps: Pick<ReconcilerDeps, 'clock' | 'log'>;
  readonly #witness: Witness;
  readonly #teller: GenerationTeller;
  readonly #remotes: Remotes;
  /** Null: those of the leader before us were not read yet. */
  #found: Findings | null = null;

  constructor(
    deps: Pick<ReconcilerDeps, 'clock' | 'log'>,
    witness: Witness,
    teller: GenerationTeller,
    remotes: Remotes,
  ) {
    this.#remotes = remotes;
    this.#deps = deps;
    this.#witness = witness;
    this.#teller = teller;
  }

  get current(): Findings {
    return this.#found ?? NONE;
  }

  /** With what the leader before us told. */
  begin(before: GenerationRecord | null): void {
    this.#found = findingsIn(before);
    this.#tell();
  }

  /**
   * After a pass: has the vanished asked, and tells and logs what is found of them and of newcomers. Gives
   * whether all who vanished were judged already.
   */
  note(
    plan: Pick<PassPlan, 'silent' | 'asking'>,
    rows: Iterable<DispatcherRow>,
    admissions: ReadonlyMap<string, Evidence>,
  ): boolean {
    const vanished = destinationsOf(plan.silent, rows);
    this.#witness.watch(vanished);
    const before = this.current;
    const evidence = this.#witness.evidence();
    this.#found = findWitnessed({
      vanished,
      evidence,
      asking: plan.asking,
      admissions,
      before,
      nowMs: this.#deps.clock.wallMs(),
    });
    this.#tell();
    logFindings(this.#deps.log, findingChanges(before, this.#found));
    return [...vanished.keys()].every((nodeId) => evidence.has(nodeId));
  }

  #tell(): void {
    const remotes = remoteRecords(this.#remotes.status(), this.current);
    this.#teller.noteReport({ witnessed: witnessReport(this.current), remotes });
  }
}

const NONE: Findings = new Map();
