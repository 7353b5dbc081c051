import { get } from 'node:http';

/** GET of `host:port` on a connection of its own; the status, or null when there is none in time. Never rejects. */
export async function httpStatus(
  host: string,
  port: number,
  path: string,
  timeoutMs: number,
): Promise<number | null> {
  return new Promise((resolve) => {
    const request = get({ host, port, path, timeout: timeoutMs, agent: false }, (response) => {
      response.on('error', () => undefined);
      response.resume();
      resolve(response.statusCode ?? null);
      request.destroy();
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(null));
    request.on('close', () => resolve(null));
  });
}
