export type ShutdownKind = 'elegant' | 'asap' | 'stop' | 'now';

/** How `fsctl shutdown` reaches the stop sequence. */
export interface ShutdownPort {
  /** Resolves when the command may answer: for elegant and asap when no call is left or it was cancelled. */
  request(kind: ShutdownKind, restart: boolean): Promise<void>;
  /** Withdraws elegant or asap; it also clears every pause, as the real one does. */
  cancel(): void;
}
