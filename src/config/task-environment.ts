import { z } from 'zod';
import type { Env } from './variables.js';
import { optional, withDefault } from './variables.js';

/** What an agent reads to find its own address. */
export const TASK_VARIABLES = {
  sipInterface: optional('CARNA_SIP_INTERFACE', z.string().regex(/^[\w.@-]{1,15}$/), {
    expected: 'name of a network interface',
    meaning: 'its first IPv4 address is the one of the SIP server when CARNA_SIP_HOST is unset',
  }),
  taskEnvPrefix: withDefault('CARNA_TASK_ENV_PREFIX', '', z.string().regex(/^\w*$/), {
    expected: 'letters, digits and underscores',
    meaning: 'what Marathon’s --env_vars_prefix puts before HOST',
  }),
} as const;

/** Where the address of the SIP server comes from. */
export type AddressSource =
  /** It is given, or nothing tells it: the environment is read as it is. */
  | { readonly kind: 'as-set' }
  | { readonly kind: 'interface'; readonly name: string }
  /** `host` is an address or a name; `variable` held it. */
  | {
      readonly kind: 'host';
      readonly host: string;
      readonly variable: string;
      readonly taskId: string;
    };

/** CARNA_SIP_HOST before CARNA_SIP_INTERFACE before the HOST of a Mesos task. Pure. */
export function addressSource(env: Env): AddressSource {
  const said = (name: string): string => env[name] ?? '';
  if (said('CARNA_SIP_HOST') !== '') return { kind: 'as-set' };
  const name = said('CARNA_SIP_INTERFACE');
  if (name !== '') return { kind: 'interface', name };
  const variable = `${said('CARNA_TASK_ENV_PREFIX')}HOST`;
  const taskId = said('MESOS_TASK_ID');
  const host = said(variable);
  if (taskId === '' || host === '') return { kind: 'as-set' };
  return { kind: 'host', host, variable, taskId };
}
