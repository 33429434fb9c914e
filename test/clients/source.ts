import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { identitiesOf } from '../stack/identities.js';
import type { Level } from './clients.js';

export interface Line {
  resourceType: string;
  id: string;
  target?: Array<{ reference: string }>;
  member?: Array<{ entity: { reference: string } }>;
  issue?: Array<{ severity: string; code: string; diagnostics?: string }>;
}

/** Resources by type, how many. */
export type Counts = Record<string, number>;

export function parseLines(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

export function countTypes(lines: Iterable<Line>): Counts {
  const counts: Counts = {};
  for (const { resourceType } of lines) counts[resourceType] = (counts[resourceType] ?? 0) + 1;
  return counts;
}

/** The source's data, and what of it belongs to an export. */
export class Source {
  readonly resources: Line[];
  readonly identities: Set<string>;

  constructor(folder: string) {
    const texts = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
    this.resources = texts.flatMap(parseLines);
    this.identities = identitiesOf(texts.flatMap((text) => text.trimEnd().split('\n')));
  }

  get group(): Line {
    const group = this.resources.find(
      ({ resourceType, member = [] }) => resourceType === 'Group' && member.length >= 10,
    );
    if (group === undefined) throw new Error('The sample has no group of ten members.');
    return group;
  }

  /**
   * Of a level, by the references in the data alone: what refers to patients of the level and to no others, and
   * Provenance of that. Types outside of the Patient compartment belong to the system level alone.
   */
  expected(level: Level): Counts {
    if (level === '') return countTypes(this.resources);
    const members =
      level === 'Patient' ? undefined : new Set(this.group.member?.map(({ entity }) => entity.reference));
    const isMember = (reference: string): boolean => members?.has(reference) ?? true;
    const own = this.resources.filter((resource) => {
      const { resourceType, id } = resource;
      if (NOT_IN_COMPARTMENT.has(resourceType)) return false;
      if (resourceType === 'Patient') return isMember(`Patient/${id}`);
      const patients = JSON.stringify(resource).match(/(?<=")Patient\/[^"/]+/g) ?? [];
      return patients.length > 0 && patients.every(isMember);
    });
    const exported = new Set(own.map(({ resourceType, id }) => `${resourceType}/${id}`));
    const provenance = this.resources.filter(
      ({ resourceType, id, target = [] }) =>
        resourceType === 'Provenance' &&
        !exported.has(`Provenance/${id}`) &&
        target.some(({ reference }) => exported.has(reference)),
    );
    return countTypes([...own, ...provenance]);
  }
}

const NOT_IN_COMPARTMENT = new Set(['Location', 'Organization', 'Practitioner', 'PractitionerRole']);
