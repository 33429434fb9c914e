import { remembered } from '../../common/maps.js';
import { isJsonObject } from '../../json/json.js';
import { primitiveText, type Primitive } from '../model/primitive.js';
import type { Setting, ValuesOf } from '../reading/settings.js';
import { CLEARING, KEEPING_SERVERS_IN_URLS } from './effect.js';
import { PSEUDED } from './labels.js';
import { method, type MethodContext, type Run, type Target, type ValueMethod } from './method.js';
import { ProcessingError } from './processingError.js';
import type { EnticiSettings, Pseudonyms } from './pseudonyms.js';
import {
  conditionalReference,
  type LiteralReference,
  partsOfReference,
  SERVERS_IN_REFERENCES,
} from './referenceParts.js';
import { TextResults } from './textResults.js';

const name: Setting<string | undefined> = (value, site) => {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && value !== '' && value === value.trim()) return value;
  site.error('Must be a text that is not empty, without space around it');
  return undefined;
};

const entici: Setting<EnticiSettings | undefined> = (value, site) => {
  if (value === undefined || value === null) return undefined;
  const { resourceType, project } = isJsonObject(value) ? value : {};
  if (typeof resourceType !== 'string' || !/^[A-Z][A-Za-z]+$/.test(resourceType))
    site.error('Needs resourceType, a resource type of FHIR, for example "Patient"');
  else if (project !== undefined && (typeof project !== 'string' || project === ''))
    site.error('Must be a text that is not empty', '.project');
  else return { resourceType, project };
  return undefined;
};

const SETTINGS = {
  domain: name,
  /** The same, as users of Vfps call it. */
  namespace: name,
  'domain-prefix': name,
  'namespace-prefix': name,
  entici,
};

const PARAMETERS = {
  /** What becomes of the server's address and the version in a reference: kept, or left out. */
  referenceServers: SERVERS_IN_REFERENCES,
};

/** Elements that may say themselves which resource type their domain is of. */
const OF_A_TYPE = new Set(['id', 'reference', 'fullUrl']);
const NO_DOMAIN =
  'The rule needs a domain: without one, ids of resources and references that name a type have a pseudonym alone';

export const PSEUDONYMIZE = method({
  name: 'pseudonymize',
  settings: SETTINGS,
  parameters: PARAMETERS,
  labels: [PSEUDED],
  clears:
    'everything: what is left is a pseudonym, which the pseudonym service can undo; references and URIs of resources in part, unless `referenceServers` is `hash`',
  needsPseudonyms: true,
  check: ({ domain, namespace }, { types, named, element }, issues) => {
    if (domain !== undefined || namespace !== undefined || element === undefined) return;
    const hasNone = types.every(({ name: type, primitive }) => primitive !== null && type !== 'uri');
    if (hasNone && !OF_A_TYPE.has(element))
      issues.error('domain', `${NO_DOMAIN}; the path selects only ${named}`);
  },
  effect: (_, { referenceServers }) => (referenceServers === 'keep' ? KEEPING_SERVERS_IN_URLS : CLEARING),
  prepare: (context) => {
    const resourceTypes = new Set(context.model.resourceNames());
    return { work: (settings) => new Pseudonymizer(settings, context, resourceTypes) };
  },
});

/** A surrogate without its other half. */
const HALF_PAIR = /\p{Surrogate}/u;
/** The domain of ids of contained resources, where the rule has none: `#id` does not say of which type they are. */
const CONTAINED = 'contained';
/** Pseudonyms are texts of any form: this has none that a code, an id or a URI must have. */
const ANY_TEXT = 'any text/|';
/** In the place of a pseudonym that is missing: what is made with it is given up. */
const MISSING = 'missing';

/** Replaces values by the pseudonyms of a service; of references only the id. */
class Pseudonymizer {
  readonly #context: MethodContext<typeof PARAMETERS>;
  /** Of the rule, whatever the element is. */
  readonly #domain: string | undefined;
  readonly #prefix: string;
  readonly #entici: EnticiSettings | undefined;
  readonly #resourceTypes: ReadonlySet<string>;
  readonly #domains = new Map<string, Pseudonyms>();
  /** Whether a pseudonym was missing that was just looked for. */
  #lacks = false;

  constructor(
    settings: ValuesOf<typeof SETTINGS>,
    context: MethodContext<typeof PARAMETERS>,
    resourceTypes: ReadonlySet<string>,
  ) {
    this.#context = context;
    this.#domain = settings.domain ?? settings.namespace;
    this.#prefix = context.domainPrefix ?? settings['domain-prefix'] ?? settings['namespace-prefix'] ?? '';
    this.#entici = settings.entici;
    this.#resourceTypes = resourceTypes;
  }

  get #keepsServers(): boolean {
    return this.#context.parameters.referenceServers === 'keep';
  }

  ofValue({ type, name: element, parentType }: Target): ValueMethod {
    if (parentType === 'Reference' && element === 'reference') return this.#ofReference;
    if (type.name === 'uri') return element === 'fullUrl' ? this.#ofReference : this.#ofUri;
    if (element !== 'id' || !this.#resourceTypes.has(parentType)) return this.#ofText;
    // Not remembered: no other resource has this id.
    return pseudonymizing((text, { isContained }) =>
      this.#pseudonym(text, isContained ? CONTAINED : parentType),
    );
  }

  readonly #ofReference = this.#remembering((text) => this.#reference(text));
  readonly #ofText = this.#remembering((text) => this.#pseudonym(text, undefined));
  /** A URI that leads to a resource is a reference; any other is a value. */
  readonly #ofUri = this.#remembering((text) =>
    partsOfReference(text, this.#resourceTypes).kind === 'literal' ||
    conditionalReference(text, this.#resourceTypes) !== undefined
      ? this.#reference(text)
      : this.#pseudonym(text, undefined),
  );

  /** The work that remembers what it has made, once the pseudonym in it is known. */
  #remembering(make: (text: string) => string): ValueMethod {
    const known = (text: string): string | undefined => {
      this.#lacks = false;
      const made = make(text);
      return this.#lacks ? undefined : made;
    };
    return Object.assign(pseudonymizing(make), {
      results: new TextResults(PSEUDED, known, { sample: ANY_TEXT }),
    });
  }

  /** @param otherwise the domain, where the rule has none */
  #pseudonym(text: string, otherwise: string | undefined): string {
    if (HALF_PAIR.test(text))
      throw new ProcessingError('not-unicode', 'A text to pseudonymize holds half of a surrogate pair');
    const domain = this.#domain ?? otherwise;
    if (domain === undefined) {
      throw new ProcessingError('no-domain', NO_DOMAIN);
    }
    const pseudonym = this.#pseudonymsOf(domain).of(text);
    if (pseudonym === undefined) this.#lacks = true;
    return pseudonym ?? MISSING;
  }

  #pseudonymsOf(domain: string): Pseudonyms {
    return remembered(this.#domains, domain, () =>
      this.#context.pseudonyms.domain({ domain: this.#prefix + domain, entici: this.#entici }),
    );
  }

  #reference(text: string): string {
    const parts = partsOfReference(text, this.#resourceTypes);
    switch (parts.kind) {
      case 'contained':
        return parts.id === '' ? text : `#${this.#pseudonym(parts.id, CONTAINED)}`;
      case 'literal':
        return this.#literal(text, parts);
      case 'urn':
        return `${parts.prefix}${this.#pseudonym(parts.id, parts.prefix)}`;
      case 'other': {
        const conditional = conditionalReference(text, this.#resourceTypes);
        if (conditional === undefined) return this.#pseudonym(text, undefined);
        const { before, type, value } = conditional;
        // The system of the identifier may name a server that takes no part in what is exported.
        return this.#keepsServers || !before.endsWith('|')
          ? `${before}${this.#pseudonym(value, type)}`
          : this.#pseudonym(text, type);
      }
    }
  }

  #literal(text: string, { server, type, id, version, isBelowResource }: LiteralReference): string {
    if (isBelowResource) return this.#pseudonym(text, type);
    const reference = `${type}/${this.#pseudonym(id, type)}`;
    return this.#keepsServers ? `${server}${reference}${version}` : reference;
  }
}

function pseudonymizing(make: (text: string, run: Run) => string): ValueMethod {
  return (value: Primitive, run: Run): string => {
    run.did(PSEUDED);
    return make(primitiveText(value), run);
  };
}
