import { aorText } from '../../topology/account.js';
import type { AskedPattern } from '../arguments.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import { usersText } from '../render/user-text.js';
import { withAccounts } from '../with-accounts.js';

export interface UserListOptions {
  readonly limit: number;
  readonly json?: true;
}

/** `carna user list [PATTERN]`. */
export async function listUsersCommand(
  context: Context,
  pattern: AskedPattern,
  { limit, json }: UserListOptions,
): Promise<ExitCode> {
  return withAccounts(context, 'read', async (data) => {
    const page = await data.readUsers({ pattern, limit });
    if (json === true) {
      const users = page.users.map((user) => {
        return { aor: aorText(user), numbers: user.numbers, contacts: user.contacts };
      });
      context.print(jsonLine({ schema: JSON_SCHEMA, total: page.total, users }));
    } else {
      context.print(...usersText(page, pattern.text, context.paint, context.width()));
    }
    return page.total === 0 ? EXIT.no : EXIT.done;
  });
}
