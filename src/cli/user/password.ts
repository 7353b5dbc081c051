import { randomBytes } from 'node:crypto';
import { digestHashes } from '../../protocols/sip/ha1.js';
import type { Aor } from '../../topology/account.js';
import { aorText } from '../../topology/account.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import { printUnknownUser, WHEN_EFFECTIVE } from '../render/user-text.js';
import type { PasswordOptions } from '../secret-input.js';
import { readPassword } from '../secret-input.js';
import { withAccounts } from '../with-accounts.js';
import { passwordLines } from './add.js';

export interface UserPasswordOptions extends PasswordOptions {
  readonly json?: true;
}

const SIMILAR = 200;

/** `carna user passwd USER@DOMAIN`. */
export async function passwordCommand(
  context: Context,
  aor: Aor,
  options: UserPasswordOptions,
): Promise<ExitCode> {
  return withAccounts(context, 'change', async (data) => {
    const unknown = async (): Promise<ExitCode> => {
      printUnknownUser(context, aor, await data.readSimilarUsers(aor, SIMILAR));
      return EXIT.no;
    };
    // Before anybody types a password for nothing.
    if ((await data.readUser(aor)) === null) return unknown();
    const password = await readPassword(context, options, randomBytes);
    if (password === null) {
      context.printError('nothing was changed');
      return EXIT.no;
    }
    const secrets = digestHashes(aor.user, aor.domain, password.text);
    if (!(await data.setSecrets(aor, secrets))) return unknown();
    tellChanged(context, aor, password.isGenerated ? password.text : null, options.json === true);
    return EXIT.done;
  });
}

function tellChanged(context: Context, aor: Aor, shown: string | null, isJson: boolean): void {
  const name = aorText(aor);
  if (isJson) {
    const rest = { numbers: null, password: shown, contactsLeft: null };
    context.print(jsonLine({ schema: JSON_SCHEMA, did: 'password-changed', aor: name, ...rest }));
    return;
  }
  context.print(
    `${name} has another password.`,
    ...passwordLines(shown),
    ` ${WHEN_EFFECTIVE}`,
    ' phones     stay registered until they expire; they need the new password to renew and to call',
  );
}
