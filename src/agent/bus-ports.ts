import type { ListedMember } from '../topology/bus.js';
import type { NodeRecord } from '../topology/node.js';

/** The nodes of this data centre as the registry shows them; the last known ones while it is away. */
export interface BusView {
  nodes(): readonly NodeRecord[];
  /** False while disconnected or before the first full read. */
  isFresh(): boolean;
  /** Calls `listener` after every change; gives the function that ends it. */
  subscribe(listener: () => void): () => void;
}

/** What a member said to a question; `isSure`: its host said at once that nothing listens there. */
export type MemberAnswer =
  | {
      readonly kind: 'answers';
      /** The addresses of the members that it lists as active. */
      readonly members: readonly string[];
    }
  | { readonly kind: 'silent'; readonly isSure: boolean }
  | { readonly kind: 'unknown' };

/** How the agent speaks with its own server and with the bus; every call has a deadline of its own. */
export interface BusLink {
  /** The members that our server knows. Throws a CarnaError. */
  list(): Promise<readonly ListedMember[]>;
  /** Our server forgets a member; fine when it is none. Throws a CarnaError. */
  remove(address: string): Promise<void>;
  /** Asks a member who is on the bus. Never rejects. */
  ask(address: string): Promise<MemberAnswer>;
  /** Tells the server at `to` that `member` is one. True when it took it. Never rejects. */
  introduce(to: string, member: string): Promise<boolean>;
  /** True when `donor` has sent all of its contacts to `receiver`. Never rejects. */
  sync(donor: string, receiver: string): Promise<boolean>;
  /** How many contacts the server says to hold; null when it does not say. Never rejects. */
  countContacts(sip: { readonly host: string; readonly port: number }): Promise<number | null>;
}

/** The bus as the composition root gives it. */
export interface AgentBus {
  readonly view: BusView;
  readonly link: BusLink;
  readonly dmqPort: number;
}

/** What /healthz says of the bus. */
export interface BusReport {
  readonly members: readonly { readonly address: string; readonly status: string }[];
  /** Whether the contacts of this life of the server are here, in words. */
  readonly sync: string;
  readonly isSynced: boolean;
  /** What is amiss; null = nothing. */
  readonly alarm: string | null;
}
