import { readFileSync } from 'node:fs';
import { readStandinConfig } from '../../lab/standin/config.js';
import { runStandin } from '../../lab/standin/run-standin.js';
import { stopSignal } from '../../util/lifecycle.js';

/** `carna lab stand-in`: logs one JSON object a line on standard error; resolves when it was stopped. */
export async function standinCommand(): Promise<void> {
  const config = readStandinConfig(process.env, (path) => readFileSync(path, 'utf8'));
  const line =
    (level: string) =>
    (facts: object, message: string): void => {
      process.stderr.write(`${JSON.stringify({ level, ...facts, msg: message })}\n`);
    };
  const log = { info: line('info'), warn: line('warn'), error: line('error') };
  await runStandin(config, log, stopSignal(process));
}
