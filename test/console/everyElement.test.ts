import { describe, expect, it } from 'vitest';
import { everyElementOf } from '../../console/engine/everyElement.js';
import { OpenResources } from '../../console/engine/openedData.js';
import { PreviewEngine } from '../../console/engine/previewEngine.js';
import { SummaryOfPreview } from '../../console/engine/previewSummary.js';
import { FhirModel } from '../../functions/deid/model/fhirModel.js';
import { FHIR_VERSIONS } from '../../functions/fhir/fhirVersion.js';

const SECRETS = { job: new Uint8Array(32), random: new Uint8Array(32) };
const KEEP = JSON.stringify({
  fhirPathRules: [],
  parameters: { shouldAddSecurityTag: false, validOutput: true },
});

describe.each(FHIR_VERSIONS)('resources that have every element of their type, of %s', (version) => {
  it('are valid, and wholly known to the engine', async () => {
    const model = FhirModel.of(version);
    const names = model.resourceNames();
    expect(names.length).toBeGreaterThan(100);
    const files = names.map((name) => ({ data: everyElementOf(name, model) ?? '' }));
    const opened = new OpenResources(files, 'whole');
    const engine = await PreviewEngine.of({ configuration: KEEP }, version, SECRETS);
    const summary = new SummaryOfPreview(engine);
    for (const resource of opened.resources) {
      const value = opened.resourceAt(resource.index);
      if (value !== undefined) summary.add(resource, engine.resource(value, resource.index, ''));
    }
    const { kept, dropped, problems } = summary.take();
    expect({ kept, dropped, problems }).toEqual({ kept: names.length, dropped: [], problems: [] });
  });

  it('have each element of the type itself, but those that hold what is not of it', () => {
    const model = FhirModel.of(version);
    for (const name of model.resourceNames()) {
      const made = JSON.parse(everyElementOf(name, model) ?? '{}') as object;
      const elements = [...(model.resource(name)?.elements.values() ?? [])];
      const there = elements.filter(({ key }) => key in made).map((element) => element.name);
      const missing = elements.filter((element) => element.type !== null && !there.includes(element.name));
      for (const element of missing)
        expect(['contained', 'extension', 'modifierExtension']).toContain(element.name);
    }
  });
});

it('a type that a version does not define has none', () => {
  expect(everyElementOf('ActorDefinition', FhirModel.of('R4'))).toBeUndefined();
  expect(everyElementOf('__proto__', FhirModel.of('R4'))).toBeUndefined();
});
