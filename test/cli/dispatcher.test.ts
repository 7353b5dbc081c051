import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreUnavailableError } from '../../src/util/errors.js';
import * as p from './support.js';
import { golden } from './golden.js';

/** disp-2 was changed by hand, lb-1 does not answer, one row is about to change. */
const DRIFTING = p.fakeData({
  deriveDesired: (_t, table) =>
    table.map((r) => (r.destination === 'sip:10.0.3.2:5060' ? { ...r, flags: 4 } : r)),
  readLive: async (record) => {
    if (record.nodeId === 'lb-1') throw new StoreUnavailableError('no answer within 500 ms');
    const live = await p.fakeData().readLive(record);
    if (record.nodeId === 'disp-1' || 'error' in live) return live;
    const peers = live.list.filter((d) => d.setid === 10);
    const [a, b] = live.list.filter((d) => d.setid === 30);
    const alien = {
      setid: 30,
      destination: 'sip:10.9.9.9:5060',
      letters: 'AP',
      priority: 0,
      attrs: '',
    };
    return {
      ...live,
      list: [
        ...peers,
        { ...(a ?? alien), letters: 'IP' },
        { ...(b ?? alien), letters: 'DP' },
        alien,
      ],
    };
  },
});

test('dispatcher: all agree', async () => {
  const { code, out } = await p.carna('dispatcher --set 10');
  assert.equal(out, golden(AGREE));
  assert.equal(code, 0);
});

const AGREE = `
1 set, 2 destinations: desired rows, table and 3 live lists agree · data 0.3 s old

SET 10             NODE    DESIRED   TABLE     disp-1  disp-2  lb-1
sip:10.0.2.1:5060  disp-1  8 active  8 active  AP      AP      AP
sip:10.0.2.2:5060  disp-2  8 active  8 active  AP      AP      AP
`;

test('dispatcher: drift, pending rows and silent Kamailios are marked and explained; exit code 1', async () => {
  const { code, out } = await p.carna('dispatcher', DRIFTING);
  assert.equal(out, golden(DRIFT));
  assert.equal(code, 1);
  const json = await p.carna('dispatcher --json', DRIFTING);
  const { agrees, drift, pending, unknown } = JSON.parse(json.out) as Record<string, unknown>;
  assert.deepEqual([agrees, drift, pending, unknown], [false, 3, 1, 1]);
});

const DRIFT = `
DRIFT: 3 live entries differ from the table (2 sets, 6 destinations) · data 0.3 s old

SET 10             NODE    DESIRED   TABLE     disp-1  disp-2  lb-1
sip:10.0.2.1:5060  disp-1  8 active  8 active  AP      AP      ?
sip:10.0.2.2:5060  disp-2  8 active  8 active  AP      AP      ?

SET 30              NODE      DESIRED     TABLE       disp-1  disp-2
sip:10.0.3.1:5060   media-1   8 active    8 active    AP      IP ~
sip:10.0.3.2:5060   media-2   4 disabled  8 active *  AP      DP ✘
sip:10.0.3.10:5060  media-10  8 active    8 active    AP      – ✘
sip:10.9.9.9:5060   not ours  –           –           –       AP ✘

~ set 30 sip:10.0.3.1:5060: disp-2 gets no answer to its own OPTIONS
* set 30 sip:10.0.3.2:5060: flags 8 → 4 by the reconciler
✘ set 30 sip:10.0.3.2:5060: disabled here, enabled in the table on disp-2
✘ set 30 sip:10.0.3.10:5060: not listed on disp-2
✘ set 30 sip:10.9.9.9:5060: listed, but not in the table on disp-2
? lb-1: no answer within 500 ms
Agents heal drift by themselves. If it stays: carna topology
`;
