import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatorData } from '../../src/cli/operator-data.js';
import { StoreUnavailableError } from '../../src/util/errors.js';
import * as p from './support.js';

test('topology --watch in a pipe prints changes line by line; Ctrl-C ends it with 0', async () => {
  const watchTopology: OperatorData['watchTopology'] = async (listener, signal) => {
    listener(p.topology());
    let step = 0;
    changed = () => {
      if (++step === 1)
        listener(
          p.topology({
            nodes: [
              p.LB,
              p.DISP1,
              p.DISP2,
              p.MEDIA1,
              p.MEDIA10,
              { ...p.MEDIA2, state: 'down', reason: 'killed' },
            ],
          }),
        );
    };
    if (!signal.aborted)
      await new Promise((end) => signal.addEventListener('abort', end, { once: true }));
  };
  let changed = (): void => undefined;
  const { code, out, listeners } = await p.carna(
    'topology --watch',
    p.fakeData({ watchTopology }),
    {
      onOutput: (text, interrupt) => {
        if (text.includes('media-2') && text.includes('killed')) interrupt();
        else setImmediate(() => changed());
      },
    },
  );
  assert.match(out, /no problem\n12:00:00\.000 {2}media-2 {2}● up → ○ down {2}for 3 d, killed\n$/);
  assert.deepEqual([code, listeners], [0, 0]);
});

test('topology --watch on a terminal redraws and gives the cursor back', async () => {
  const { code, out } = await p.carna('topology --watch', p.fakeData(), {
    columns: 80,
    onOutput: (text, interrupt) => {
      if (text.includes('Ctrl-C')) interrupt();
    },
  });
  assert.ok(out.startsWith('\x1b[2J\x1b[H\x1b[?25l') && out.endsWith('\x1b[?25h'));
  assert.equal(code, 0);
});

test('a watch whose registry fails ends with that failure, the cursor back', async () => {
  const watchTopology = async () => {
    throw new StoreUnavailableError('gone');
  };
  const { code, out } = await p.carna('topology --watch', p.fakeData({ watchTopology }), {
    columns: 80,
  });
  assert.equal(code, 3);
  assert.ok(out.endsWith('\x1b[?25h'));
});
