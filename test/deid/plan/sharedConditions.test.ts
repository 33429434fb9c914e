import { describe, expect, it } from 'vitest';
import { parseFhirPath } from '../../../functions/deid/expression/parser.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { KEEP } from '../../../functions/deid/methods/keep.js';
import { patternsOfAll } from '../../../functions/deid/plan/pattern.js';
import { rawConditionOf } from '../../../functions/deid/plan/rawCondition.js';
import type { Rule } from '../../../functions/deid/configuration/rule.js';
import type { JsonValue } from '../../../functions/json/json.js';

const TEXTS = "code.text ~ 'age' or code.text ~ 'alter'";
const MIXED = `status = 'final' or ${TEXTS} or status = 'amended' or code.text = 'Age'`;

describe('alternatives on one element', () => {
  it.each<[string, JsonValue, string]>([
    [TEXTS, { code: { text: ' AGE ' } }, 'true'],
    [TEXTS, { code: { text: 'Alter' } }, 'true'],
    [TEXTS, { code: { text: 'ages' } }, 'false'],
    [TEXTS, { code: {} }, 'unsure'],
    [TEXTS, { code: { _text: { id: 'a' } } }, 'unsure'],
    [TEXTS, {}, 'false'],
    [MIXED, { status: 'final' }, 'true'],
    [MIXED, { status: 'amended', code: { text: 'weight' } }, 'true'],
    [MIXED, { status: 'draft', code: { text: 'AGE' } }, 'true'],
    [MIXED, { status: 'draft', code: { text: 'weight' } }, 'false'],
    [MIXED, { code: { text: 'weight' } }, 'open'],
    ["status = 'final' or status ~ 'DRAFT' or status = 'x'", { status: 'draft' }, 'true'],
    ["status = 'final' or status ~ 'DRAFT' or status = 'x'", { status: 'DRAFT' }, 'true'],
    ["status = 'final' or status = 'draft' or status ~ 'x'", { status: 'DRAFT' }, 'false'],
  ])('%s of %j is %s', (condition, json, verdict) => {
    const type = FhirModel.of('R4').resource('Observation');
    if (type === undefined) throw new Error('No Observation');
    expect(rawConditionOf(parseFhirPath(condition), type)?.(json)).toBe(verdict);
  });
});

describe('conditions of several rules', () => {
  it.each<[string, string, boolean]>([
    [TEXTS, TEXTS, true],
    [TEXTS, "code.text~'age' or (code.text ~ 'alter')", true],
    ["status = 'a'", "status = 'b'", false],
    ["status = 'a'", "status ~ 'a'", false],
    ["status = 'a'", "code = 'a'", false],
    ["code.text = 'a'", "`code.text` = 'a'", false],
    ['value.exists()', 'value.empty()', false],
    ['value > 1', 'value > 2', false],
    ['value = 1.0', 'value = 1', false],
    ['effective < @2020', 'effective < @2021', false],
  ])('%s and %s are one: %s', (one, other, isOne) => {
    const rules = [one, other].map((condition, index): Rule => {
      const path = `where(${condition})`;
      const expression = parseFhirPath(path);
      return { index, place: '', path, resourceType: 'Observation', expression, method: KEEP, settings: {} };
    });
    const guards = [...patternsOfAll(rules).values()].map((patterns) => {
      const step = patterns?.[0]?.[0];
      return step?.kind === 'guard' ? step.condition : undefined;
    });
    expect(guards[0]).toBeDefined();
    expect(guards[0] === guards[1]).toBe(isOne);
  });
});
