import { accept, checkAgainst, parseJson, Refusal } from './accept.js';
import type { Endpoint } from './schemas.js';
import { misfits, misfitsOfWords, readEndpoints } from './schemas.js';

/** A request that reached its route. */
export interface Call {
  /** What stood for `{id}`, `{task}` and so on; decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Accepted: unknown members are gone. Undefined where the route takes none. */
  readonly body: unknown;
  readonly clientIp: string;
  readonly uri: string;
}

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** What it must fit, where endpoints.json names another answer of the same path. */
  readonly words?: string;
}

export type Handler = (call: Call) => Answer | Promise<Answer>;
/** `METHOD path` of endpoints.json, or of one of the paths below. */
export type Handlers = Readonly<Record<string, Handler>>;

/** Paths that Marathon has and endpoints.json does not name. */
const MORE: readonly Endpoint[] = [
  { method: 'GET', path: '/v2/groups', responses: { '200': 'group.response' } },
  {
    method: 'PUT',
    path: '/v2/groups',
    request: 'group | group-scale.request',
    responses: { '200': 'deployment-result.response' },
  },
  {
    method: 'POST',
    path: '/v2/groups',
    request: 'group',
    responses: { '201': 'deployment-result.response' },
  },
  {
    method: 'DELETE',
    path: '/v2/groups/{id}',
    responses: { '200': 'deployment-result.response' },
  },
];

interface Route {
  readonly endpoint: Endpoint;
  readonly pattern: RegExp;
  readonly names: readonly string[];
  readonly handler: Handler;
}

/** Finds the handler of a request; every request and every answer is held against its schema. */
export class Router {
  readonly #routes: readonly Route[];
  readonly #onFault: (message: string) => void;

  /** Throws for a handler without a path, or a path without a handler. */
  constructor(handlers: Handlers, onFault: (message: string) => void) {
    this.#onFault = onFault;
    const endpoints = [...readEndpoints(), ...MORE];
    this.#routes = endpoints
      .filter(({ path }) => path !== '/v2/events')
      .sort((a, b) => literalLength(b.path) - literalLength(a.path))
      .map((endpoint) => routeOf(endpoint, handlers));
  }

  /** Never rejects: what goes wrong inside is a 500 and is told to `onFault`. */
  async answer(method: string, url: URL, text: string, clientIp: string): Promise<Answer> {
    const path = url.pathname.replace(/\/+$/, '').replace(/\/\/+/g, '/');
    const candidates = this.#routes.filter(({ pattern }) => pattern.test(path));
    const route = candidates.find(({ endpoint }) => endpoint.method === method);
    if (route === undefined) {
      const status = candidates.length > 0 ? 405 : 404;
      return { status, body: { message: `HTTP ${status}: ${method} ${path}` } };
    }
    const answer = await this.#handle(route, path, url, text, clientIp);
    return this.#check(route, answer);
  }

  async #handle(
    route: Route,
    path: string,
    url: URL,
    text: string,
    clientIp: string,
  ): Promise<Answer> {
    const found = route.pattern.exec(path);
    const params = Object.fromEntries(
      route.names.map((name, index) => [name, decodeURIComponent(found?.[index + 1] ?? '')]),
    );
    try {
      const body = readBody(route.endpoint.request, text);
      const uri = url.pathname;
      return await route.handler({ params, query: url.searchParams, body, clientIp, uri });
    } catch (err) {
      if (err instanceof Refusal) return { status: err.status, body: err.body };
      const trouble = err instanceof Error ? (err.stack ?? err.message) : String(err);
      this.#onFault(`${route.endpoint.method} ${route.endpoint.path}: ${trouble}`);
      return { status: 500, body: { message: trouble } };
    }
  }

  #check({ endpoint }: Route, answer: Answer): Answer {
    const named = answer.words ?? endpoint.responses[String(answer.status)];
    const words = answer.status >= 400 ? 'error.response' : named;
    const name = `${endpoint.method} ${endpoint.path} ${answer.status}`;
    const faults =
      words === undefined ? ['a status that is none'] : misfitsOfWords(words, plain(answer.body));
    if (faults.length === 0) return answer;
    this.#onFault(`${name}: ${faults.join('; ')}`);
    return { status: 500, body: { message: `${name} does not fit`, details: faults.join('; ') } };
  }
}

/** As it will be read: without members that are undefined. */
const plain = (body: unknown): unknown =>
  body === undefined ? undefined : (JSON.parse(JSON.stringify(body)) as unknown);

const literalLength = (path: string): number => path.replace(/\{[^}]+\}/g, '').length;

function routeOf(endpoint: Endpoint, handlers: Handlers): Route {
  const names = [...endpoint.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  // An app's id has slashes, everything else has none.
  const pattern = endpoint.path.replace(/\{(\w+)\}/g, (_all, name: string) =>
    name === 'id' ? '(.+?)' : '([^/]+)',
  );
  const handler = handlers[`${endpoint.method} ${endpoint.path}`];
  if (handler === undefined) throw new Error(`no handler: ${endpoint.method} ${endpoint.path}`);
  return { endpoint, names, handler, pattern: new RegExp(`^${pattern}$`) };
}

function readBody(words: string | undefined, text: string): unknown {
  if (words === undefined) return undefined;
  if (words === '[instance id]') return text === '' ? [] : parseJson(text);
  const json = parseJson(text);
  if (words === '[app-update]') {
    if (!Array.isArray(json)) throw new Refusal(422, 'Invalid JSON', { details: 'not an array' });
    return json.map((item) => accept('app-update', item));
  }
  const [first = '', second] = words.split(' | ');
  if (second !== undefined && misfits(second, json).length === 0) return json;
  if (first !== 'app' && first !== 'pod') return accept(first, json);
  checkAgainst(first, json);
  return accept(first, json);
}
