import type { Trunk } from '../../topology/trunk.js';
import { ALL_NUMBERS, trunkFaults } from '../../topology/trunk.js';
import { UsageError } from '../../util/errors.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import { trunkWords } from '../render/trunk-text.js';
import { withAccounts } from '../with-accounts.js';
import { WHEN_EFFECTIVE } from '../render/user-text.js';

export interface TrunkAddOptions extends Pick<
  Trunk,
  'priority' | 'weight' | 'cap' | 'strip' | 'add'
> {
  readonly to: Pick<Trunk, 'host' | 'port' | 'transport'>;
  readonly prefix?: string;
  readonly source?: true;
  readonly json?: true;
}

/** `carna trunk add NAME`. */
export async function addTrunkCommand(
  context: Context,
  name: string,
  options: TrunkAddOptions,
): Promise<ExitCode> {
  const trunk = trunkOf(name, options);
  const faults = trunkFaults(trunk);
  if (faults.length > 0) throw new UsageError(`${faults.join('\n  ')} (nothing was changed)`);
  return withAccounts(context, 'change', async (data) => {
    if (!(await data.addTrunk(trunk))) {
      context.printError(
        `error: expected a new name, found that there is a trunk ${name} (nothing was changed)`,
        `  next: carna trunk list, or carna trunk remove ${name}`,
      );
      return EXIT.no;
    }
    if (options.json === true) {
      context.print(jsonLine({ schema: JSON_SCHEMA, did: 'added', trunk }));
    } else {
      const next = trunk.weight === 0 ? '' : `${exampleNumber(trunk.prefix)}`;
      context.print(
        `${name} is added: ${trunkWords(trunk)}.`,
        ` ${WHEN_EFFECTIVE}`,
        ` next       carna trunk list${next === '' ? '' : ` ${next}`}`,
      );
    }
    return EXIT.done;
  });
}

/** Without a prefix no call goes out by it. */
function trunkOf(name: string, options: TrunkAddOptions): Trunk {
  const { to, prefix, priority, weight, cap, strip, add } = options;
  return {
    name,
    ...to,
    prefix: prefix ?? ALL_NUMBERS,
    priority,
    weight: prefix === undefined ? 0 : weight,
    cap,
    source: options.source === true,
    strip,
    add,
  };
}

const MAX_DIGITS = 15;

/** Any number that it carries, to ask which trunks it tries. */
function exampleNumber(prefix: string): string {
  return prefix === ALL_NUMBERS ? '' : `${prefix}1234567`.slice(0, MAX_DIGITS + 1);
}
