import type { BusLink, BusView, MemberAnswer } from '../../../src/agent/bus-ports.js';
import type { ListedMember } from '../../../src/topology/bus.js';
import type { NodeRecord, NodeState, Role } from '../../../src/topology/node.js';
import { ServerUnavailableError } from '../../../src/util/errors.js';
import { record } from '../../topology/bus-record.js';

export const DMQ_PORT = 5061;
export const SELF = 'sip:10.0.0.1:5061';

/** Servers on a bus, in memory; ours is 10.0.0.1 unless said. Each call is noted as words. */
export class FakeBus implements BusLink, BusView {
  records: NodeRecord[] = [];
  fresh = true;
  members: ListedMember[];
  /** Contacts by host; a host that is missing does not answer. */
  readonly contacts = new Map<string, number>();
  /** Members that each other server names. */
  readonly named = new Map<string, string[]>();
  /** Hosts whose answers are lost, though they live. */
  readonly deaf = new Set<string>();
  /** Contacts arrive with the answer; false = they never do. */
  delivers = true;
  rpcFails = false;
  readonly acts: string[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #self: string;

  constructor(self = SELF) {
    this.#self = self;
    this.members = [{ address: self, status: 'active', isLocal: true }];
  }

  /** Registers a node at 10.0.0.`at` and lets its server answer. */
  add(at: number, state: NodeState, contacts: number | null, role: Role = 'registrar'): void {
    const host = `10.0.0.${at}`;
    if (contacts !== null) this.contacts.set(host, contacts);
    this.records = this.records.filter(({ nodeId }) => nodeId !== `n${at}`);
    this.records.push(record(`n${at}`, { host, role, dc: 'a', state }));
    this.changed();
  }

  /** Its znode vanishes. */
  forget(at: number): void {
    this.records = this.records.filter(({ nodeId }) => nodeId !== `n${at}`);
    this.changed();
  }

  changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  lists(at: number, status: ListedMember['status'] = 'active'): void {
    const address = `sip:10.0.0.${at}:${DMQ_PORT}`;
    this.members = this.members.filter((member) => member.address !== address);
    this.members.push({ address, status, isLocal: false });
  }

  /** The acts since the last look, questions left out. */
  done(): string {
    const found = this.acts.filter((act) => !act.startsWith('ask ')).join(', ');
    this.acts.length = 0;
    return found;
  }

  nodes(): readonly NodeRecord[] {
    return this.records;
  }

  isFresh(): boolean {
    return this.fresh;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async list(): Promise<readonly ListedMember[]> {
    if (this.rpcFails) throw new ServerUnavailableError('no such socket');
    return [...this.members];
  }

  async remove(address: string): Promise<void> {
    this.acts.push(`remove ${short(address)}`);
    this.members = this.members.filter((member) => member.address !== address);
  }

  async ask(address: string): Promise<MemberAnswer> {
    this.acts.push(`ask ${short(address)}`);
    if (!this.#lives(address)) return { kind: 'silent', isSure: !this.deaf.has(hostOf(address)) };
    return { kind: 'answers', members: this.named.get(address) ?? [] };
  }

  async introduce(to: string, member: string): Promise<boolean> {
    this.acts.push(`tell ${short(to)} of ${short(member)}`);
    if (!this.#lives(to)) return false;
    if (to === this.#self) this.lists(Number(short(member)));
    return true;
  }

  async sync(donor: string, receiver: string): Promise<boolean> {
    this.acts.push(`${short(donor)} sends all to ${short(receiver)}`);
    if (!this.#lives(donor)) return false;
    if (this.delivers) {
      const all = Math.max(
        this.contacts.get(hostOf(donor)) ?? 0,
        this.contacts.get(hostOf(receiver)) ?? 0,
      );
      this.contacts.set(hostOf(receiver), all);
    }
    return true;
  }

  async countContacts({ host }: { readonly host: string }): Promise<number | null> {
    return this.deaf.has(host) ? null : (this.contacts.get(host) ?? null);
  }

  #lives(address: string): boolean {
    return this.contacts.has(hostOf(address)) && !this.deaf.has(hostOf(address));
  }
}

function hostOf(address: string): string {
  return address.split(':')[1] ?? '';
}

/** The last number of its address. */
function short(address: string): string {
  return hostOf(address).split('.').at(-1) ?? '';
}
