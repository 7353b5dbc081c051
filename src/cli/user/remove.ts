import type { Aor } from '../../topology/account.js';
import { aorText } from '../../topology/account.js';
import { isAgreed } from '../consent.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import { printUnknownUser, removalWarning, WHEN_EFFECTIVE } from '../render/user-text.js';
import { plural } from '../render/units.js';
import { withAccounts } from '../with-accounts.js';

export interface UserRemoveOptions {
  readonly yes?: true;
  readonly json?: true;
}

const SIMILAR = 200;

/** `carna user remove USER@DOMAIN`. */
export async function removeUserCommand(
  context: Context,
  aor: Aor,
  options: UserRemoveOptions,
): Promise<ExitCode> {
  return withAccounts(context, 'change', async (data) => {
    const unknown = async (): Promise<ExitCode> => {
      printUnknownUser(context, aor, await data.readSimilarUsers(aor, SIMILAR));
      return EXIT.no;
    };
    const user = await data.readUser(aor);
    if (user === null) return unknown();
    const name = aorText(aor);
    const isAllowed = await isAgreed(context, {
      verb: 'user remove',
      warning: () => removalWarning(aor, user.numbers, user.contacts),
      question: `Remove ${name}? [y/N] `,
      isYes: options.yes === true,
      isJson: options.json === true,
    });
    if (!isAllowed) {
      context.printError('nothing was changed');
      return EXIT.no;
    }
    const gone = await data.removeUser(aor);
    if (gone === null) return unknown();
    if (options.json === true) {
      const { numbers, contacts: contactsLeft } = gone;
      const rest = { numbers, password: null, contactsLeft };
      context.print(jsonLine({ schema: JSON_SCHEMA, did: 'removed', aor: name, ...rest }));
    } else {
      const left = gone.contacts === 0 ? '' : `; leaves ${plural(gone.contacts, 'registration')}`;
      context.print(`${name} is removed${left}.`, ` ${WHEN_EFFECTIVE}`);
    }
    return EXIT.done;
  });
}
