import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sippBinary } from '../../../src/lab/calls/calls.js';
import type { ProcessIdentity } from '../../../src/lab/parts/daemon.js';
import { isAlive, signalDaemon, startDaemon } from '../../../src/lab/parts/daemon.js';
import { waitUntil } from '../../../src/util/wait.js';
import { testDir } from '../../support/resources.js';

/** A callee that answers every INVITE at once and every OPTIONS, in the place of a media node. */
export interface MediaUas {
  readonly host: string;
  readonly process: ProcessIdentity;
  /** SIGKILL, as when the server crashes. */
  kill(): Promise<void>;
}

const COPIED = [
  '[last_Via:]',
  '[last_From:]',
  '[last_To:][tag]',
  '[last_Call-ID:]',
  '[last_CSeq:]',
];
const OK = (headers: readonly string[]): string => `  <send>
    <![CDATA[
      SIP/2.0 200 OK
${[...COPIED, ...headers, 'Content-Length: 0'].map((line) => `      ${line}\n`).join('')}
    ]]>
  </send>`;

const CONTACT = 'Contact: <sip:media@[local_ip]:[local_port]>';
const SCENARIO = `<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="media">
  <recv request="INVITE"/>
${OK(['[last_Record-Route:]', CONTACT]).replace('[tag]', ';tag=[pid]s[call_number]').replace('<send>', '<send retrans="500">')}
  <recv request="ACK"/>
  <recv request="BYE"/>
${OK([]).replace('[tag]', '')}
</scenario>
`;

export async function startMediaUas(host: string): Promise<MediaUas> {
  const dir = testDir('uas');
  const scenario = join(dir, 'uas.xml');
  writeFileSync(scenario, SCENARIO);
  const uas = await startDaemon({
    name: `uas ${host}`,
    command: sippBinary(process.env),
    args: ['-sf', scenario, '-i', host, '-p', '5060', '-aa', '-nostdin', '-l', '100000'],
    env: process.env,
    cwd: dir,
    logFile: '/dev/null',
  });
  const kill = async (): Promise<void> => {
    signalDaemon(uas, 'SIGKILL', true);
    await waitUntil(`uas ${host} is gone`, 5_000, () => !isAlive(uas), 5);
  };
  return { host, process: uas, kill };
}
