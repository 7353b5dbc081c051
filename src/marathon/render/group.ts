import type { JsonObject } from '../lint/json.js';
import { renderApp } from './app.js';
import type { AppName, Values } from './values.js';
import { APP_NAMES } from './values.js';

/** The group of a data centre with these apps, in APP_NAMES' order. Pure. */
export function renderGroup(values: Values, names: readonly AppName[] = APP_NAMES): JsonObject {
  const apps = APP_NAMES.filter((name) => names.includes(name));
  return { id: values.group, apps: apps.map((name) => renderApp(values, name)) };
}
