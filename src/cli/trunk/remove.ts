import type { Trunk } from '../../topology/trunk.js';
import { closest } from '../../util/closest.js';
import { isAgreed } from '../consent.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import { trunkRemovalWarning } from '../render/trunk-text.js';
import { WHEN_EFFECTIVE } from '../render/user-text.js';
import { withAccounts } from '../with-accounts.js';

export interface TrunkRemoveOptions {
  readonly yes?: true;
  readonly json?: true;
}

const MAX_NAMES = 5;

/** `carna trunk remove NAME`. */
export async function removeTrunkCommand(
  context: Context,
  name: string,
  options: TrunkRemoveOptions,
): Promise<ExitCode> {
  return withAccounts(context, 'change', async (data) => {
    const trunks = await data.readTrunks();
    const trunk = trunks.find((one) => one.name === name);
    if (trunk === undefined) return printUnknownTrunk(context, name, trunks);
    const isAllowed = await isAgreed(context, {
      verb: 'trunk remove',
      warning: () => trunkRemovalWarning(trunk, trunks),
      question: `Remove trunk ${name}? [y/N] `,
      isYes: options.yes === true,
      isJson: options.json === true,
    });
    if (!isAllowed) {
      context.printError('nothing was changed');
      return EXIT.no;
    }
    if (!(await data.removeTrunk(name))) return printUnknownTrunk(context, name, []);
    if (options.json === true) {
      context.print(jsonLine({ schema: JSON_SCHEMA, did: 'removed', trunk }));
    } else context.print(`${name} is removed.`, ` ${WHEN_EFFECTIVE}`);
    return EXIT.done;
  });
}

function printUnknownTrunk(context: Context, name: string, trunks: readonly Trunk[]): ExitCode {
  const names = closest(
    name,
    trunks.map((trunk) => trunk.name),
    MAX_NAMES,
  );
  context.printError(`error: there is no trunk ${name}`);
  if (names.length > 0) context.printError(`  there are: ${names.join(', ')}`);
  context.printError('  next: carna trunk list');
  return EXIT.no;
}
