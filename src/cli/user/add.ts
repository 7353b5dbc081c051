import { randomBytes } from 'node:crypto';
import { digestHashes } from '../../protocols/sip/ha1.js';
import type { AddResult } from '../../store/subscribers.js';
import type { Aor } from '../../topology/account.js';
import { aorText } from '../../topology/account.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import { printable } from '../render/colour.js';
import { WHEN_EFFECTIVE } from '../render/user-text.js';
import type { Password, PasswordOptions } from '../secret-input.js';
import { readPassword } from '../secret-input.js';
import { withAccounts } from '../with-accounts.js';

export interface UserAddOptions extends PasswordOptions {
  readonly number?: readonly string[];
  readonly json?: true;
}

/** `carna user add USER@DOMAIN`. */
export async function addUserCommand(
  context: Context,
  aor: Aor,
  options: UserAddOptions,
): Promise<ExitCode> {
  return withAccounts(context, 'change', async (data) => {
    // Before anybody types a password for nothing.
    if ((await data.readUser(aor)) !== null) {
      return refuse(context, aor, { kind: 'user-exists' });
    }
    const password = await readPassword(context, options, randomBytes);
    if (password === null) {
      context.printError('nothing was changed');
      return EXIT.no;
    }
    const secrets = digestHashes(aor.user, aor.domain, password.text);
    const result = await data.addUser(aor, secrets, options.number ?? []);
    if (result.kind !== 'added') return refuse(context, aor, result);
    tellAdded(context, aor, options, password);
    return EXIT.done;
  });
}

function tellAdded(
  context: Context,
  aor: Aor,
  { number: numbers = [], json }: UserAddOptions,
  password: Password,
): void {
  const name = aorText(aor);
  const shown = password.isGenerated ? password.text : null;
  if (json === true) {
    const did = 'added';
    const rest = { numbers, password: shown, contactsLeft: null };
    context.print(jsonLine({ schema: JSON_SCHEMA, did, aor: name, ...rest }));
    return;
  }
  const beside = numbers.length === 0 ? '' : ` with ${numbers.join(', ')}`;
  context.print(
    `${name} is added${beside}.`,
    ...passwordLines(shown),
    ` ${WHEN_EFFECTIVE}`,
    ` next       let its phone register, then: carna location ${name}`,
  );
}

/** A password that was made here; nothing for one that was typed. */
export function passwordLines(password: string | null): string[] {
  return password === null
    ? []
    : [` password   ${password}   shown this once, stored nowhere (only its hashes are)`];
}

function refuse(
  context: Context,
  aor: Aor,
  result: Exclude<AddResult, { readonly kind: 'added' }>,
): ExitCode {
  const name = aorText(aor);
  if (result.kind === 'user-exists') {
    context.printError(
      `error: expected a new user, found that ${name} exists (nothing was changed)`,
      `  next: carna user passwd ${name} for another password; carna user list ${name} shows it`,
    );
  } else {
    const by = printable(result.by);
    context.printError(
      `error: expected free numbers, found that ${result.number} belongs to ${by} (nothing was changed)`,
      `  next: carna location ${by}, or leave the number out`,
    );
  }
  return EXIT.no;
}
