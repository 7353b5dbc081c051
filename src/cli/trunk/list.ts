import { aorText } from '../../topology/account.js';
import { MAX_TRIES, triesFor } from '../../topology/trunk.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import { triesText, trunksText } from '../render/trunk-text.js';
import { withAccounts } from '../with-accounts.js';

export interface TrunkListOptions {
  readonly json?: true;
}

/** `carna trunk list [NUMBER]`. */
export async function listTrunksCommand(
  context: Context,
  number: string | null,
  options: TrunkListOptions,
): Promise<ExitCode> {
  return withAccounts(context, 'read', async (data) => {
    const trunks = await data.readTrunks();
    const [owner] = number === null ? [] : await data.readOwners(number);
    const user = owner === undefined ? null : aorText(owner);
    const tries = number === null ? null : triesFor(number, trunks);
    if (options.json === true) {
      const listed =
        tries === null
          ? trunks.map((trunk) => ({ ...trunk, rank: null, share: null, sent: null }))
          : tries.map(({ trunk, rank, share, sent }) => ({ ...trunk, rank, share, sent }));
      const known = { number, user, maxTries: MAX_TRIES, trunks: listed };
      context.print(jsonLine({ schema: JSON_SCHEMA, ...known }));
    } else if (number === null || tries === null) {
      context.print(...trunksText(trunks, context.width()));
    } else context.print(...triesText(number, user, tries, context.width()));
    return user === null && (tries ?? trunks).length === 0 ? EXIT.no : EXIT.done;
  });
}
