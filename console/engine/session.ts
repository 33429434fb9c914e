import invented from 'console:invented';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { VERSION } from '../../functions/common/version.js';
import { SAMPLE_NAMES, sampleNamed } from '../../functions/deid/configuration/samples.js';
import { METHODS } from '../../functions/deid/methods/methods.js';
import { checkConfiguration } from './checkConfiguration.js';
import { configurationOf, linkOf } from './links.js';
import { mendEdits } from './mend.js';
import type { Hello } from './protocol.js';
import { type Answers, CallError } from './serve.js';

/** What one page does with the engine. */
export class Session {
  readonly #version: FhirVersion;
  readonly answers: Partial<Answers> = {
    hello: () => this.#hello(),
    link: ({ configuration }) => linkOf(configuration),
    openLink: async ({ fragment }) => ({ configuration: await configurationOf(fragment) }),
    mend: (ask) => ({ edits: mendEdits(ask, this.#version) }),
    sample: ({ name }) => {
      const text = Object.hasOwn(invented, name) ? invented[name] : undefined;
      if (text === undefined) throw new CallError('not-found', 'There is no invented resource of this name.');
      return { text };
    },
    check: ({ configuration }) => checkConfiguration(configuration, this.#version),
  };

  constructor(version: FhirVersion) {
    this.#version = version;
  }

  #hello(): Hello {
    return {
      fhirVersion: this.#version,
      version: VERSION,
      methods: METHODS.map(({ name, clears }) => ({ name, clears })),
      configurations: SAMPLE_NAMES.map((name) => ({
        name,
        text: JSON.stringify(sampleNamed(name), null, 2),
      })),
      samples: Object.keys(invented).map((type) => ({ name: type, type, title: type })),
    };
  }
}
