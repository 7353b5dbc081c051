import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../../src/marathon/lint/json.js';
import { lintDefinition } from '../../../src/marathon/lint/lint.js';
import { strictValidator } from '../schemas.js';
import { FACTS, goodApp, goodGroup, goodPod, goodTool } from './good.js';
import { IN_GROUP } from './group-mistakes.js';
import { IN_APP, IN_TOOL, put } from './mistakes.js';
import { IN_POD } from './pod-mistakes.js';

for (const [name, schema, good, mistakes] of [
  ['app', 'app', goodApp, IN_APP],
  ['tool', 'app', goodTool, IN_TOOL],
  ['group', 'group', goodGroup, IN_GROUP],
  ['pod', 'pod', goodPod, IN_POD],
] as const) {
  test(`a good ${name} passes, and the schema agrees`, () => {
    const validate = strictValidator(schema);
    assert.ok(validate(good()), JSON.stringify(validate.errors));
    assert.deepEqual(lintDefinition(good() as Json, FACTS), []);
  });

  for (const [path, value, place, rule, says] of mistakes) {
    test(`${name}: ${path} = ${JSON.stringify(value) ?? 'nothing'} is caught at ${place}`, () => {
      const document = good();
      put(document, path, value);
      const findings = lintDefinition(document as Json, FACTS);
      const found = findings.find((one) => one.path === place && one.rule === rule);
      assert.ok(found, JSON.stringify(findings, null, 1));
      assert.match(Object.values(found).join('\n'), says);
      assert.ok(!JSON.stringify(findings).includes('hunter2'), 'a secret is shown');
    });
  }
}

test('whoever is no SIP node may use the defaults that cost no calls', () => {
  const app = { id: '/tools/web', cmd: 'sleep 100', instances: 2 };
  assert.deepEqual(lintDefinition(app, FACTS), []);
});

test('a readiness check may stand beside a health check, or with room above the count', () => {
  const readinessChecks = [{ portName: 'web' }];
  const healthChecks = [{ protocol: 'MESOS_HTTP', port: 8080 }];
  const upgradeStrategy = (maximumOverCapacity: number): Record<string, unknown> => ({
    upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity },
  });
  const found = (more: Record<string, unknown>): number =>
    lintDefinition({ ...goodTool(), readinessChecks, ...more }, FACTS).filter(
      ({ rule }) => rule === 'readiness',
    ).length;
  assert.equal(found({}), 1);
  assert.equal(found({ healthChecks }), 0);
  assert.equal(found(upgradeStrategy(0.5)), 0);
  // Of two, 1.4 times the count is still two.
  assert.equal(found(upgradeStrategy(0.4)), 1);
  assert.equal(found({ upgradeStrategy: undefined }), 0);
});

test('a list of apps names each place by its index', () => {
  const broken = { ...goodApp(), id: '/carna/x', instance: 3 };
  const paths = lintDefinition([goodApp(), broken] as Json, FACTS).map(({ path }) => path);
  assert.deepEqual(paths, ['[1].instance']);
});

/** Every place in a document, as `put` takes it. */
function placesIn(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, of]) => {
    const here = path === '' ? name : `${path}.${name}`;
    return [here, ...placesIn(of, here)];
  });
}

const WRONG = [undefined, null, -1, 1.5, 70_000, 'x', '', 'A_B', true, {}, [], [1], { a: 1 }];

for (const [name, good] of [
  ['app', goodApp],
  ['group', goodGroup],
  ['pod', goodPod],
] as const) {
  test(`whatever the schema refuses in a changed ${name} is found`, () => {
    const validate = strictValidator(name);
    let refused = 0;
    for (const path of placesIn(good())) {
      for (const value of WRONG) {
        const document = good();
        put(document, path, value);
        if (validate(document)) continue;
        refused++;
        const text = `${path} = ${JSON.stringify(value)}: ${JSON.stringify(validate.errors?.[0])}`;
        assert.notEqual(lintDefinition(document, FACTS).length, 0, text);
      }
    }
    assert.ok(refused > 200, `${refused} refused`);
  });
}
