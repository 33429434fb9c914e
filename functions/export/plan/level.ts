import type { FhirVersion } from '../../fhir/fhirVersion.js';
import { patientCompartment } from '../../fhir/patientCompartment.js';
import { CompartmentSelection, type MemberSearch } from '../selection/compartment.js';
import type { JobPlan, JobRequest } from '../records/job.js';
import type { Members } from '../selection/members.js';
import { PROVENANCE, ProvenanceCompanions } from '../selection/provenance.js';
import { selectionOf } from '../selection/selectionOf.js';
import type { Companions } from '../selection/companions.js';
import type { Source } from '../source/source.js';
import { jobWindow } from '../walk/window.js';

/** What of a type a job exports, by its plan, and what comes along with it. */
export class Level {
  readonly #plan: JobPlan;
  readonly #fhirVersion: FhirVersion;
  readonly #members: Members | undefined;

  /** @param members `undefined`: all patients of the source, or at the system level whatever there is */
  constructor(plan: JobPlan, fhirVersion: FhirVersion, members: Members | undefined) {
    this.#plan = plan;
    this.#fhirVersion = fhirVersion;
    this.#members = members;
  }

  /** How a partition's resources are chosen; `undefined` at the system level. */
  compartment(type: string, memberSearch: MemberSearch | undefined): CompartmentSelection | undefined {
    return this.#plan.compartment === undefined ? undefined : this.#compartment(type, memberSearch);
  }

  /** What comes along with the resources of a type; at the system level, Provenance is a type like any other. */
  companions(type: string, request: JobRequest, source: Source): Companions | undefined {
    const { compartment, partitions, transactionTime } = this.#plan;
    if (compartment?.includesProvenance !== true || type === PROVENANCE) return undefined;
    const types = new Set(partitions.map(({ window }) => window.type));
    return new ProvenanceCompanions({
      window: jobWindow(type, request, transactionTime),
      bases: compartment.bases,
      source,
      // Nothing comes along with Provenance resources themselves.
      selectionOf: (target) =>
        types.has(target) && target !== PROVENANCE
          ? selectionOf(request, target, this.#compartment(target, undefined))
          : undefined,
      own: this.#compartment(PROVENANCE, undefined),
    });
  }

  #compartment(type: string, memberSearch: MemberSearch | undefined): CompartmentSelection {
    const links = patientCompartment(this.#fhirVersion).get(type) ?? [];
    const { bases = [], hasAllPatients = false } = this.#plan.compartment ?? {};
    return new CompartmentSelection(
      { type, fhirVersion: this.#fhirVersion, links, bases, members: this.#members, hasAllPatients },
      memberSearch,
    );
  }
}
