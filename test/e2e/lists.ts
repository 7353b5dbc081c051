import assert from 'node:assert/strict';
import type { LabStatus } from '../../src/lab/status.js';
import { waitUntil } from '../../src/util/wait.js';
import { runProgram } from './carna.js';

/** "setid uri" → flags column. */
export type Table = ReadonlyMap<string, number>;

/** The table as anybody can read it: with psql and the URL that `lab status` gives. */
export async function readTableWithPsql(status: LabStatus): Promise<Table> {
  const sql = "select setid || ' ' || destination, flags from dispatcher";
  const { code, stdout, stderr } = await runProgram('psql', [
    status.databaseUrl,
    '-XAtF',
    '\t',
    '-c',
    sql,
  ]);
  assert.equal(code, 0, stderr);
  const lines = stdout.trim().split('\n').filter(Boolean);
  return new Map(lines.map((line) => [line.split('\t')[0] ?? '', Number(line.split('\t')[1])]));
}

/** One number that any change to any row, also to the same values, changes. */
export async function rowVersions(status: LabStatus): Promise<string> {
  const sql = 'select setid, destination, flags, xmin, ctid from dispatcher order by 1, 2';
  return (await runProgram('psql', [status.databaseUrl, '-XAt', '-c', sql])).stdout;
}

/** The live list of a Kamailio, as kamcmd prints it: "setid uri" → letters. */
export async function readListWithKamcmd(socket: string): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await runProgram('kamcmd', ['-s', `unixs:${socket}`, 'dispatcher.list']);
  const list = new Map<string, string>();
  let setid = '';
  let uri = '';
  for (const line of stdout.split('\n')) {
    setid = /^\s*ID: (\d+)/.exec(line)?.[1] ?? setid;
    uri = /^\s*URI: (\S+)/.exec(line)?.[1] ?? uri;
    const letters = /^\s*FLAGS: (\S+)/.exec(line)?.[1];
    if (letters !== undefined) list.set(`${setid} ${uri}`, letters);
  }
  return list;
}

const SETS_OF_ROLE: Readonly<Record<string, readonly string[]>> = {
  'load-balancer': ['10', '20', '40'],
  dispatcher: ['10', '20', '30', '40', '50', '130'],
  registrar: ['10', '50'],
  outbound: ['10', '50'],
};

const LETTERS: Readonly<Record<number, string>> = { 8: 'AP', 4: 'DX', 9: 'IP' };

/** Waits until every Kamailio's list, read with kamcmd, shows exactly the table of its sets. */
export async function listsEqualTable(status: LabStatus): Promise<Table> {
  let table: Table = new Map();
  let faults: string[] = [];
  const areEqual = async (): Promise<boolean> => {
    table = await readTableWithPsql(status);
    faults = (await Promise.all(status.nodes.map((node) => faultsOf(node, table)))).flat();
    return faults.length === 0;
  };
  await waitUntil('lists equal to the table', 15_000, areEqual, 100).catch((err: unknown) => {
    throw new Error(`${String(err)}\n${faults.join('\n')}`);
  });
  return table;
}

async function faultsOf(node: LabStatus['nodes'][number], table: Table): Promise<string[]> {
  const sets = SETS_OF_ROLE[node.role];
  if (node.ctlSocket === null || sets === undefined) return [];
  const shown = await readListWithKamcmd(node.ctlSocket);
  const wanted = [...table].filter(([key]) => sets.includes(key.split(' ')[0] ?? ''));
  const wrong = wanted
    .filter(([key, flags]) => shown.get(key) !== LETTERS[flags])
    .map(([key, flags]) => `${node.name}: ${key} flags ${flags} shown as ${shown.get(key)}`);
  return shown.size === wanted.length ? wrong : [...wrong, `${node.name} shows ${shown.size} rows`];
}
