// Exit code 0 when the daemon of this container is healthy, 1 when it is not or does not answer.
// `node healthcheck.js answers` is content with any answer.
const DEADLINE_MS = 4_000;

const EVERY_ADDRESS = { '0.0.0.0': '127.0.0.1', '::': '[::1]', '[::]': '[::1]' };
const named = process.env.CARNA_HTTP_HOST || '127.0.0.1';
const host = EVERY_ADDRESS[named] ?? named;
const url = `http://${host}:${process.env.CARNA_HTTP_PORT || 9100}/healthz`;

try {
  const reply = await fetch(url, { signal: AbortSignal.timeout(DEADLINE_MS) });
  const text = await reply.text();
  process.stdout.write(`${reply.status} ${text.slice(0, 1_000)}\n`);
  process.exitCode = reply.ok || process.argv[2] === 'answers' ? 0 : 1;
} catch (err) {
  process.stdout.write(`${url}: ${err instanceof Error ? err.message : String(err)}\n`);
  process.exitCode = 1;
}
