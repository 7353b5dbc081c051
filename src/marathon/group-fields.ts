import { APP } from './app-fields.js';
import { PATH_ID } from './common-fields.js';
import type { Shape } from './field-types.js';
import { decimal, FLAG, list, object, shape, text } from './field-types.js';

/** A group, as put to /v2/groups; test/marathon compares it with the API's schema. */
export const GROUP: Shape = shape(
  'GroupUpdate',
  {
    id: PATH_ID,
    apps: list(
      object(() => APP),
      { isUnique: true },
    ),
    groups: list(
      object(() => GROUP),
      { isUnique: true },
    ),
    dependencies: list(PATH_ID, { isUnique: true }),
    scaleBy: decimal(0),
    version: text(),
    enforceRole: FLAG,
  },
  ['id'],
);
