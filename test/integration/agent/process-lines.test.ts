import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { processRuntime } from '../../../src/agent/runtime/process.js';
import { systemTimekeeper } from '../../../src/agent/timekeeper.js';
import { waitUntil } from '../../../src/util/wait.js';
import { keepingLog } from './process-agent.js';
import {
  adopt,
  adopted,
  agentOf,
  endBegun,
  ended,
  LIMIT_MS,
  programOptions,
  said,
  STEPS,
} from './takeover-rig.js';

afterEach(endBegun);

test('a program that logs for ever survives its agents, and no line of it is missing', async () => {
  const options = programOptions(
    `let n = 0; setInterval(() => { for (let i = 0; i < 5; i++) console.log('line ' + n++); }, 2);`,
  );
  const first = await agentOf(options);
  await waitUntil('lines', LIMIT_MS, () => first.lines.length > 500);
  await first.kill();
  const second = await agentOf(options);
  assert.equal(second.serverPid, first.serverPid);
  await waitUntil('lines', LIMIT_MS, () => second.lines.length > 500);
  await second.kill();
  const lines: string[] = [];
  const server = await adopted(options, lines);
  await waitUntil('lines', LIMIT_MS, () => lines.length > 500);
  await server.stop(STEPS);
  const numbers = [first.lines, second.lines, lines].map((part) => part.map(numberOf));
  for (const part of numbers) assertContiguous(part);
  for (const [i, part] of numbers.slice(1).entries()) {
    const lastBefore = numbers[i]?.at(-1) ?? -1;
    assert.ok((part[0] ?? Infinity) <= lastBefore + 1, `${part[0]} after ${lastBefore}`);
  }
});

const numberOf = (line: string): number => Number(/^line (\d+)$/.exec(line)?.[1] ?? NaN);

function assertContiguous(numbers: readonly number[]): void {
  const [first = 0] = numbers;
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => first + i),
  );
}

test('a server that writes 20 MB without an agent is not blocked, and the next agent bounds the file', async () => {
  const options = programOptions(
    `const fs = require('fs');
     const timer = setInterval(() => {
       if (!fs.existsSync('go')) return;
       clearInterval(timer);
       for (let i = 0; i < 20; i++) process.stdout.write(('x'.repeat(1023) + '\\n').repeat(1024));
       console.log('the last line');
       fs.writeFileSync('written', '');
       setInterval(() => 0, 1000);
     }, 10);`,
  );
  const agent = await agentOf(options);
  await agent.kill();
  writeFileSync(join(options.stateDir, 'go'), '');
  await said(options, 'written');
  const log = join(options.stateDir, 'server.log');
  assert.ok(statSync(log).size > 20 * 1024 * 1024);
  const lines: string[] = [];
  const server = await adopted(options, lines);
  await waitUntil('all of it', LIMIT_MS, () => lines.at(-1) === 'the last line');
  assert.equal(lines.length, 20 * 1024 + 1);
  assert.ok(statSync(log).size < 8 * 1024 * 1024);
  await server.stop(STEPS);
});

test('what a server said that ended while no agent lived is logged by the next one', async () => {
  const options = programOptions(
    `process.on('SIGTERM', () => { console.log('my last words'); process.exit(3); });
     require('fs').writeFileSync('ready', '');
     setInterval(() => 0, 1000);`,
  );
  const agent = await agentOf(options);
  await said(options, 'ready');
  await agent.kill();
  process.kill(agent.serverPid, 'SIGTERM');
  await ended(agent.serverPid);
  const lines: string[] = [];
  assert.equal(await adopt(options, lines), null);
  assert.deepEqual(lines, ['my last words']);
  assert.equal(await adopt(options, lines), null);
  assert.deepEqual(lines, ['my last words'], 'once');
});

test('every line of a server comes complete and in order, also its last without a newline', async () => {
  const options = programOptions(
    `for (let i = 0; i < 10000; i++) console.log('line ' + i);
     process.stderr.write('ü'.repeat(500000) + '\\n');
     process.stdout.write('the end');`,
  );
  const lines: string[] = [];
  const runtime = processRuntime(options, keepingLog(lines), systemTimekeeper);
  const server = await runtime.start('life-1', () => undefined);
  await server.cleared;
  const numbers = lines.slice(0, 10_000).map(numberOf);
  assert.equal(numbers[0], 0);
  assertContiguous(numbers);
  assert.deepEqual(lines.slice(10_000), [`${'ü'.repeat(2_000)}…`, 'the end']);
});
