import type { RefusalMark, ServerLife } from './server.js';

/** Whether we made the present life of a server refuse new work, kept across agents by the mark. */
export interface Refusal {
  readonly isOn: () => boolean;
  /** It was asked to, by us or the agent before; it may refuse although that failed half-way. */
  readonly mayBeOn: () => boolean;
  /** To be called before the server is asked to refuse: from then on a refusal is our doing. */
  readonly announce: () => void;
  /** The server refuses. */
  readonly begin: () => void;
  /** The server takes new work again. */
  readonly end: () => void;
}

/** A fresh life refuses nothing; one that was taken over does what the mark says. */
export function openRefusal(life: Pick<ServerLife, 'isAdopted'>, mark: RefusalMark): Refusal {
  let isOn = life.isAdopted && mark.read();
  let wasAsked = isOn;
  if (!life.isAdopted) mark.write(false);
  return {
    isOn: () => isOn,
    mayBeOn: () => wasAsked,
    announce: () => {
      wasAsked = true;
      mark.write(true);
    },
    begin: () => (isOn = true),
    end: () => {
      isOn = false;
      wasAsked = false;
      mark.write(false);
    },
  };
}

/** Forgets with the agent: for whoever needs no memory across agents. */
export const FORGETFUL_MARK: RefusalMark = { read: () => false, write: () => undefined };
