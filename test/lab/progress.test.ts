import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textProgress } from '../../src/lab/progress.js';

function collect(isTTY: boolean): {
  text: string;
  write(text: string): void;
  isTTY: boolean;
  columns: number;
} {
  return {
    text: '',
    isTTY,
    columns: 40,
    write(text: string) {
      this.text += text;
    },
  };
}

test('in a pipe each part that is ready gets a line', () => {
  const target = collect(false);
  const progress = textProgress(target, 2);
  progress.begin('zookeeper');
  progress.begin('postgres');
  progress.ready('postgres', 740);
  progress.end();
  assert.equal(target.text, '  postgres ready after 0.7 s\n');
});

test('on a terminal one line is redrawn within its width, and taken away at the end', () => {
  const target = collect(true);
  const progress = textProgress(target, 3);
  for (const part of ['zookeeper', 'postgres', 'a part with a long name']) progress.begin(part);
  progress.ready('zookeeper', 300);
  const drawn = target.text.split('\r\u001b[2K').at(-1) ?? '';
  assert.match(drawn, /1\/3 ready {3}waiting for postgres/);
  assert.ok(drawn.length < 40);
  progress.end();
  assert.ok(target.text.endsWith('\r\u001b[2K'));
  assert.ok(!target.text.includes('\n'));
});
