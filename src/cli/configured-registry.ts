import type { Logger } from 'pino';
import type { CommonConfig } from '../config/common.js';
import type { Registry } from '../registry/registry.js';
import { openRegistry } from '../registry/registry.js';

type RegistryConfig = Pick<
  CommonConfig,
  'zookeeper' | 'zookeeperAuth' | 'sessionTimeoutMs' | 'cluster' | 'dc'
>;

/** Opens the registry that a configuration names; connects in the background. */
export function openConfiguredRegistry(config: RegistryConfig, log: Logger): Registry {
  return openRegistry({
    connectString: config.zookeeper.connectString,
    auth: digestAuth(config.zookeeperAuth),
    zkSessionTimeoutMs: config.sessionTimeoutMs,
    cluster: config.cluster,
    dc: config.dc,
    log,
  });
}

/** Splits `user:password` as configured; null stays null. The form was checked by the configuration. */
function digestAuth(
  text: string | null,
): { readonly user: string; readonly password: string } | null {
  if (text === null) return null;
  const colon = text.indexOf(':');
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
