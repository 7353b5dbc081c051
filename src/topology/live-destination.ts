/** One destination as a running Kamailio holds it (RPC `dispatcher.list`). */
export interface LiveDestination {
  readonly setid: number;
  /** The URI as Kamailio prints it. */
  readonly destination: string;
  /** Two letters: A active, I inactive, T trying, D disabled; then P probed by Kamailio, X not. */
  readonly letters: string;
  readonly priority: number;
  /** The attrs as loaded (ATTRS/BODY); empty when there are none. */
  readonly attrs: string;
}
