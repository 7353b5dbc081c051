import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { testDir } from '../../support/resources.js';
import type { Scene } from './scene.js';
import { header } from './sip-peer.js';
import type { StreamPhone } from './stream-phone.js';

const run = promisify(execFile);

/** A self-signed certificate, as PEM files. */
export async function certificate(): Promise<Readonly<Record<string, string>>> {
  const dir = testDir('tls');
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const subject = ['-subj', '/CN=edge.carna.test', '-days', '2'];
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert];
  await run('openssl', [...args, ...subject]);
  return { CARNA_TLS_CERT: cert, CARNA_TLS_KEY: key };
}

/** Registers the phone and gives the Path that its registrar would keep. */
export async function register(s: Scene, phone: StreamPhone): Promise<string> {
  phone.send('REGISTER', { uri: 'sip:carna.test', callId: 'registration' });
  const [registrar] = s.registrars;
  assert.ok(registrar);
  const registered = await registrar.until(/^REGISTER /);
  registrar.reply(registered, '200 OK');
  await phone.until(/^SIP\/2.0 200 [^]*Call-ID: registration/);
  return header(registered.text, 'Path')[0] ?? '';
}
