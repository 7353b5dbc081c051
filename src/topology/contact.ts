import type { Aor } from './account.js';
import { TRANSPORTS } from './node.js';
import type { Transport } from './node.js';

/** One registration: where one device of a user can be reached, and until when. */
export interface Contact extends Aor {
  /** The URI that the phone gave. */
  readonly contact: string;
  /** Where its REGISTER came from, as a SIP URI; null = as the contact says. */
  readonly received: string | null;
  /** The way back to it, as the registrar saved it; null = it came without an edge. */
  readonly path: string | null;
  /** Wall clock in ms; null = never. */
  readonly expiresAtMs: number | null;
  /** Wall clock in ms of its last REGISTER. */
  readonly registeredAtMs: number;
  /** The higher is rung first, 0 to 1; null = the phone did not say, rung last. */
  readonly q: number | null;
  readonly userAgent: string | null;
  /** Where the registrar took it, `udp:host:port`; null when it is not known. */
  readonly socket: string | null;
  /** The device (`+sip.instance`). */
  readonly instance: string | null;
  readonly callId: string;
  readonly cseq: number;
}

/** An address of SIP. `port` null = the transport's own. */
export interface SipAddress {
  readonly host: string;
  readonly port: number | null;
  readonly transport: Transport;
}

/** How a call gets to a contact. */
export interface WayBack {
  /** The edge, from the first URI of the Path; null = the call goes to the phone at once. */
  readonly edge: SipAddress | null;
  /** Where the edge sends it: what the REGISTER came from, else the contact. Null when neither can be read. */
  readonly phone: SipAddress | null;
}

/** Reads the way to a contact from what the registrar saved. Pure. */
export function wayBackOf(contact: Pick<Contact, 'contact' | 'received' | 'path'>): WayBack {
  const uri = firstUri(contact.path ?? '');
  const seen = uri === null ? null : receivedOf(uri);
  const phone = [seen, contact.received, contact.contact].map((text) =>
    text === null ? null : parseSipAddress(text),
  );
  return {
    edge: uri === null ? null : parseSipAddress(uri),
    phone: phone.find((address) => address !== null) ?? null,
  };
}

/** The first URI of a Path (`<sip:a;lr>,<sip:b;lr>`), without its brackets; null when there is none. */
function firstUri(path: string): string | null {
  return /<?\s*(sips?:[^>,\s]+)/i.exec(path)?.[1] ?? null;
}

/** What the edge wrote beside its own address: the phone's public one. */
function receivedOf(uri: string): string | null {
  const text = /;received=([^;>]+)/i.exec(uri)?.[1];
  if (text === undefined) return null;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** Reads host, port and transport of a SIP URI, also in brackets; null when it is none. Pure. */
export function parseSipAddress(text: string): SipAddress | null {
  const match =
    /^<?(sips?):(?:[^@;>]*@)?(\[[0-9a-f:.]+\]|[^\s:;>?@[\]]+)(?::(\d{1,5}))?([;>?].*)?$/i.exec(
      text.trim(),
    );
  const [, scheme = '', host, port, rest = ''] = match ?? [];
  if (host === undefined) return null;
  const said = /;transport=(\w+)/i.exec(rest)?.[1]?.toLowerCase();
  const transport = TRANSPORTS.find((known) => known === said);
  return {
    host,
    port: port === undefined ? null : Number(port),
    transport: transport ?? (scheme.toLowerCase() === 'sips' ? 'tls' : 'udp'),
  };
}

/** `host:port`, the port only when there is one. */
export function addressText({ host, port }: Pick<SipAddress, 'host' | 'port'>): string {
  return port === null ? host : `${host}:${port}`;
}
