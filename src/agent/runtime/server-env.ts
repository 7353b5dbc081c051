/** What the agent needs for itself alone: the way into the registry and into the platform's database. */
const OWN_CREDENTIALS: ReadonlySet<string> = new Set([
  'CARNA_ZOOKEEPER_AUTH',
  'CARNA_ZOOKEEPER_AUTH_FILE',
  'CARNA_DATABASE_URL',
  'CARNA_DATABASE_URL_FILE',
]);

/**
 * The environment of the SIP server: the agent's without the agent's own credentials. The password of the
 * event socket and Kamailio's database stay: the servers' configurations read them. Pure.
 */
export function serverEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !OWN_CREDENTIALS.has(name)));
}

/** Variables that are known only when a server starts. Never rejects. */
export type StartEnv = () => Promise<Readonly<Record<string, string>>>;
