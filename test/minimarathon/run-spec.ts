import type { AppDefinition } from './definition.js';

/** One container of a run spec, as it is launched; an app has one, named `_app`. */
export interface ContainerSpec {
  readonly name: string;
  readonly image: string | null;
  readonly command: readonly string[] | null;
  readonly cpus: number;
  readonly mem: number;
  /** In seconds of a definition; null: unset. */
  readonly graceSeconds: number | null;
}

/** An app or a pod in one version: what the scheduler works on. */
export interface RunSpec {
  readonly id: string;
  readonly kind: 'app' | 'pod';
  readonly app: AppDefinition;
  /** The pod as it was put; null for an app. */
  readonly pod: Readonly<Record<string, unknown>> | null;
  readonly containers: readonly ContainerSpec[];
  readonly version: string;
  readonly lastScalingAt: string;
  readonly lastConfigChangeAt: string;
}

/** All of one moment, by id. */
export type RunSpecs = ReadonlyMap<string, RunSpec>;

/** An app's first version, or its next one after `before`. Pure. */
export function appSpec(app: AppDefinition, version: string): RunSpec {
  const command = app.cmd === undefined ? (app.args ?? null) : ['/bin/sh', '-c', app.cmd];
  return {
    id: app.id,
    kind: 'app',
    app,
    pod: null,
    containers: [
      {
        name: '_app',
        image: app.container?.docker?.image ?? null,
        command: command?.length === 0 ? null : command,
        cpus: app.cpus,
        mem: app.mem,
        graceSeconds: app.taskKillGracePeriodSeconds ?? null,
      },
    ],
    version,
    lastScalingAt: version,
    lastConfigChangeAt: version,
  };
}

/** Which delays and counters a relaunch belongs to. Pure. */
export function configKey(spec: RunSpec): string {
  return `${spec.id} ${spec.lastConfigChangeAt}`;
}
