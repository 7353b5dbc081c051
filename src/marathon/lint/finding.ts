/** Why a definition is refused. */
export interface Finding {
  /** Where, from the top of the file: `apps[2].healthChecks[0].gracePeriodSeconds`; empty = the whole file. */
  readonly path: string;
  /** Stable name of the rule. */
  readonly rule: Rule;
  /** What would happen. */
  readonly reason: string;
  readonly expected: string;
  /** Never the value of a secret. */
  readonly found: string;
  /** What to do. */
  readonly todo: string;
}

/** Rules by their stable names. */
export type Rule =
  | 'unknown-field'
  | 'missing-field'
  | 'value'
  | 'duplicate-field'
  | 'gone-field'
  | 'command'
  | 'constraint'
  | 'container'
  | 'drain-grace'
  | 'group'
  | 'health-check'
  | 'kill-selection'
  | 'network'
  | 'port'
  | 'readiness'
  | 'reserved-env'
  | 'resource-role'
  | 'secret'
  | 'single-instance'
  | 'state'
  | 'switch'
  | 'unreachable'
  | 'upgrade'
  | 'variable';

/** What the rules need to know of Carna's programs. */
export interface LintFacts {
  /** Of the agent, when CARNA_DRAIN_DEADLINE_MS is not set. */
  readonly drainDeadlineMs: number;
  /** Of the agent and the reconciler, when CARNA_HTTP_PORT is not set. */
  readonly httpPort: number;
  /** Every variable that a program of Carna reads. */
  readonly variables: ReadonlySet<string>;
  /** Those whose value is a secret. */
  readonly secretVariables: ReadonlySet<string>;
}
