/** A running, or ended, copy of an app. */
export interface MarathonTask {
  /** The whole id, with the incarnation at its end: a relaunch keeps the instance and raises it. */
  readonly id: string;
  readonly appId: string;
  readonly host: string;
  readonly state: string;
  readonly ports: readonly number[];
  readonly startedAt: string | null;
  /** When it was given to its host; absent where an answer does not say. */
  readonly stagedAt?: string | null;
  readonly version: string | null;
}

/** An app as it is now. */
export interface MarathonApp {
  readonly id: string;
  /** Wanted. */
  readonly instances: number;
  readonly version: string | null;
  /**
   * When more than the number of instances was changed last: a task of an older version runs an older
   * definition. Absent where an answer does not say.
   */
  readonly configChangedAt?: string | null;
  readonly tasksRunning: number;
  readonly tasksStaged: number;
  readonly tasksUnhealthy: number;
  /** By its health checks; absent where Marathon did not tell, 0 without checks. */
  readonly tasksHealthy?: number | undefined;
  /** The deployments that lock it. */
  readonly deploymentIds: readonly string[];
  /** Empty where the request did not ask for them. */
  readonly tasks: readonly MarathonTask[];
}

/** A change under way. */
export interface MarathonDeployment {
  readonly id: string;
  readonly affectedApps: readonly string[];
  readonly affectedPods: readonly string[];
  readonly currentStep: number;
  readonly totalSteps: number;
  /** Apps whose tasks it replaces; absent where Marathon did not tell its steps. */
  readonly restartedApps?: readonly string[] | undefined;
}

/** What still waits for an offer. */
export interface QueueItem {
  /** The app's or pod's. */
  readonly id: string;
  /** Instances that have no place yet. */
  readonly missing: number;
  /** Seconds until the next try, after failures. */
  readonly delayS: number;
  /** Why the latest offers did not do. */
  readonly rejects: readonly {
    readonly reason: string;
    readonly declined: number;
    readonly processed: number;
  }[];
}

/** Which Marathon answers. */
export interface MarathonInfo {
  readonly name: string;
  readonly version: string;
  readonly elected: boolean;
  readonly leader: string | null;
  readonly frameworkId: string | null;
}

/** A deployment that a change has begun; not that it is done. */
export interface Started {
  readonly deploymentId: string;
  readonly version: string;
}

/** What is done together in a deployment. */
export type Step = readonly {
  readonly action: string;
  readonly app: string | null;
  readonly pod: string | null;
}[];

/** Marathon's no, in its words. */
export interface Refusal {
  readonly message: string;
  /** Present when a lock is the reason. */
  readonly deploymentIds: readonly string[] | undefined;
}
