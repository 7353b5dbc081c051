/** What the agent needs for itself alone: the way into the registry and into the platform's database. */
const OWN_CREDENTIALS: ReadonlySet<string> = new Set([
  'CARNA_ZOOKEEPER_AUTH',
  'CARNA_ZOOKEEPER_AUTH_FILE',
  'CARNA_DATABASE_URL',
  'CARNA_DATABASE_URL_FILE',
]);

/** Files that the agent reads for the server: it may not see them where it runs. */
const READ_FOR_SERVER: ReadonlySet<string> = new Set([
  'CARNA_KAMAILIO_DB_URL_FILE',
  'CARNA_ROUTE_SECRET_FILE',
  'CARNA_ESL_PASSWORD_FILE',
]);

/**
 * The environment of the SIP server: the agent's without the agent's own credentials, and with what the agent
 * found out or read from files (`found`). The password of the event socket and Kamailio's database stay: the
 * servers' configurations read them. Pure.
 */
export function serverEnv(
  env: NodeJS.ProcessEnv,
  found: Readonly<Record<string, string>> = {},
): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => !OWN_CREDENTIALS.has(name) && !READ_FOR_SERVER.has(name),
  );
  return { ...Object.fromEntries(kept), ...found };
}

/** Variables that are known only when a server starts. Never rejects. */
export type StartEnv = () => Promise<Readonly<Record<string, string>>>;
