/** How the next answers of the API are spoilt. */
export type Spoilt = 'html' | 'empty' | 'half' | 'slow' | '500';

/** What a test can do to Marathon and Mesos. */
export interface Faults {
  /** The host's agent is silent: its tasks become TASK_UNREACHABLE; they go on running. */
  loseHost(hostname: string): void;
  /** It is back: its tasks are known again, and those that were given up are killed. */
  returnHost(hostname: string): void;
  /** Closes every event stream that is open. */
  dropEvents(): void;
  /** While on, open streams and new ones carry nothing at all, not even a heartbeat. */
  silenceEvents(on: boolean): void;
  /** No offer fits, for that reason (a Marathon name such as `InsufficientCpus`); null: as it is. */
  refuseOffers(reason: string | null): void;
  /** Deployments make no step while held: the apps stay locked. */
  holdDeployments(on: boolean): void;
  /** Locks one app with a deployment that does nothing until `unlockApp`; its id. */
  lockApp(appId: string): string;
  /** That deployment succeeds. */
  unlockApp(appId: string): void;
  /** Every kill is handed to the driver that much later (ms); 0: at once. */
  slowKills(ms: number): void;
  /** The other Marathon leads; all event streams close. The URL of the new leader. */
  changeLeader(): string;
  /** The next `count` requests (of any path) are carried out, but answered so. */
  answerWith(how: Spoilt, count: number): void;
  /** That task ends as failed and is launched again: same instance, next incarnation. Its id then. */
  relaunch(taskId: string): Promise<string>;
}
