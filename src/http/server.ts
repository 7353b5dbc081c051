import type { FastifyInstance } from 'fastify';
import fastify from 'fastify';
import { CarnaError, ServerStartError, messageOf } from '../util/errors.js';
import { withDeadline } from '../util/wait.js';

/** What a daemon tells over HTTP; called once per request, must not block. */
export interface HttpSources {
  /** `isHealthy` decides between 200 and 503; the whole object is the body. */
  readonly health: () => object & { readonly isHealthy: boolean };
  readonly ready: () => object & { readonly isReady: boolean };
  /** Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  /** Further paths that answer GET with an object; a CarnaError becomes 503 with its code. */
  readonly routes?: Readonly<Record<string, () => Promise<object>>>;
}

export interface HttpAddress {
  /** Loopback unless somebody wants it otherwise. */
  readonly host?: string;
  /** 0 = any free port. */
  readonly port: number;
}

export interface HttpServer {
  /** `host:port` as bound. */
  readonly address: string;
  /** Lets requests under way finish, within a deadline; safe to repeat. Never throws. */
  close(): Promise<void>;
}

export const DEFAULT_HTTP_HOST = '127.0.0.1';
const MAX_BODY_BYTES = 16 * 1024;
const MAX_HEADER_BYTES = 8 * 1024;
const MAX_URL_PARAM_LENGTH = 200;
const MAX_CONNECTIONS = 64;
const REQUEST_LIMIT_MS = 5_000;
const IDLE_LIMIT_MS = 10_000;
const LISTEN_LIMIT_MS = 5_000;
const CLOSE_LIMIT_MS = 2_000;

/** The routes without a socket (tests use `inject`): /healthz, /readyz, /metrics; all else is a JSON 404. */
export function buildHttpApp(sources: HttpSources): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_LIMIT_MS,
    keepAliveTimeout: IDLE_LIMIT_MS,
    connectionTimeout: IDLE_LIMIT_MS,
    routerOptions: { maxParamLength: MAX_URL_PARAM_LENGTH },
    forceCloseConnections: 'idle',
    http: { maxHeaderSize: MAX_HEADER_BYTES },
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  app.get('/healthz', async (_request, reply) => {
    const body = sources.health();
    return reply.code(body.isHealthy ? 200 : 503).send(body);
  });
  app.get('/readyz', async (_request, reply) => {
    const body = sources.ready();
    return reply.code(body.isReady ? 200 : 503).send(body);
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(await sources.metrics()),
  );
  for (const [path, answer] of Object.entries(sources.routes ?? {})) {
    app.get(path, async (_request, reply) => {
      try {
        return await reply.send(await answer());
      } catch (err) {
        if (!(err instanceof CarnaError)) throw err;
        return reply.code(503).send({ error: err.message, code: err.code });
      }
    });
  }
  app.setNotFoundHandler(async (request, reply) =>
    reply.code(404).send({ error: 'not found', method: request.method }),
  );
  app.setErrorHandler(async (err: { readonly statusCode?: number }, _request, reply) => {
    const code = err.statusCode !== undefined && err.statusCode < 500 ? err.statusCode : 500;
    return reply.code(code).send({ error: code === 500 ? 'internal error' : 'bad request' });
  });
  return app;
}

/** Binds the app. Throws ServerStartError when the address cannot be used. */
export async function listenHttp(app: FastifyInstance, at: HttpAddress): Promise<HttpServer> {
  const host = at.host ?? DEFAULT_HTTP_HOST;
  try {
    await withDeadline('HTTP listen', LISTEN_LIMIT_MS, app.listen({ host, port: at.port }));
  } catch (err) {
    await closeHttp(app);
    throw new ServerStartError(`cannot serve HTTP on ${host}:${at.port}: ${messageOf(err)}`, {
      cause: err,
    });
  }
  const bound = app.server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : at.port;
  return { address: `${host}:${port}`, close: () => closeHttp(app) };
}

async function closeHttp(app: FastifyInstance): Promise<void> {
  try {
    await withDeadline('HTTP close', CLOSE_LIMIT_MS, Promise.resolve(app.close()));
  } catch {
    app.server.closeAllConnections(); // A request that hangs does not hold up the process.
  }
}
