import type { Scene } from './scene.js';

/** The Route by which a phone names its load-balancer. */
export function route(s: Scene): string {
  return `Route: <sip:${s.loadBalancer}:5060;lr>`;
}
