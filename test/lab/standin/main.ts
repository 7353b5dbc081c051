import { readFileSync } from 'node:fs';
import { readStandinConfig } from '../../../src/lab/standin/config.js';
import type { StandinLogger } from '../../../src/lab/standin/logger.js';
import { runStandin } from '../../../src/lab/standin/run-standin.js';
import { stopSignal } from '../../../src/util/lifecycle.js';

/** The stand-in as a process of its own, for tests that signal it. */
const log: StandinLogger = {
  info: (facts, message) => void process.stdout.write(`${message} ${JSON.stringify(facts)}\n`),
  warn: (facts, message) => void process.stdout.write(`${message} ${JSON.stringify(facts)}\n`),
  error: (facts, message) => void process.stdout.write(`${message} ${JSON.stringify(facts)}\n`),
};

const config = readStandinConfig(process.env, (path) => readFileSync(path, 'utf8'));
process.exitCode = await runStandin(config, log, stopSignal(process));
