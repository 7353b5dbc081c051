import { UsageError } from '../util/errors.js';
import type { Context } from './context.js';

/** A verb that does something to calls. */
export interface Consent {
  /** "drain", for the message when nobody can be asked. */
  readonly verb: string;
  /** What it will do, said before it is asked for; not with --json. */
  readonly warning: () => readonly string[];
  readonly question: string;
  readonly isYes: boolean;
  readonly isJson: boolean;
}

/** Says what will happen and asks. Throws UsageError where nobody can be asked and --yes is missing. */
export async function isAgreed(context: Context, consent: Consent): Promise<boolean> {
  const { verb, warning, question, isYes, isJson } = consent;
  const canAsk = context.isTty && context.proc.stdin.isTTY === true && !isJson;
  if (!isYes && !canAsk) {
    throw new UsageError(
      `${verb} asks before it acts: expected a terminal or --yes, found neither (nothing was changed)`,
    );
  }
  if (!isJson) context.print(...warning());
  return isYes || context.confirm(question);
}

/** Who runs the command, for what others will read. */
export function operatorName({ proc: { env } }: Context): string {
  return env['SUDO_USER'] ?? env['USER'] ?? env['LOGNAME'] ?? 'somebody';
}
