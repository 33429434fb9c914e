import type { FhirVersion } from '../../fhir/fhirVersion.js';
import { patientCompartment } from '../../fhir/patientCompartment.js';
import { CompartmentSelection } from '../selection/compartment.js';
import type { JobPlan, JobRequest, PlannedPartition } from '../records/job.js';
import type { Members } from '../selection/members.js';
import { PROVENANCE, ProvenanceCompanions } from '../selection/provenance.js';
import { selectionOf } from '../selection/selectionOf.js';
import type { Companions } from '../selection/companions.js';
import type { Selection } from '../selection/selection.js';
import type { Source } from '../source/source.js';
import { earlierWindow, jobWindow } from '../walk/window.js';

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

  /** Whether there are members whose earlier resources are exported, too. */
  get hasJoined(): boolean {
    return this.#members?.joined !== undefined;
  }

  /** How a partition's resources are chosen; `undefined` at the system level. */
  compartment(type: string, planned: Chosen): CompartmentSelection | undefined {
    return this.#plan.compartment === undefined ? undefined : this.#compartment(type, planned);
  }

  /**
   * What comes along with the resources of a partition; at the system level, Provenance is a type like any other.
   * @param type of the partition
   */
  companions(type: string, planned: Chosen, request: JobRequest, source: Source): Companions | undefined {
    const { compartment, partitions, transactionTime } = this.#plan;
    if (compartment?.includesProvenance !== true || type === PROVENANCE) return undefined;
    const types = new Set(partitions.map(({ window }) => window.type));
    // Nothing comes along with Provenance resources themselves.
    const choosing =
      (chosen: Chosen) =>
      (target: string): Selection | undefined =>
        types.has(target) && target !== PROVENANCE
          ? selectionOf(request, target, this.#compartment(target, chosen))
          : undefined;
    return new ProvenanceCompanions({
      window: jobWindow(type, request, transactionTime),
      bases: compartment.bases,
      source,
      selectionOf: choosing({}),
      own: this.#compartment(PROVENANCE, {}),
      ...(this.hasJoined && {
        earlier: {
          window: earlierWindow(type, request, transactionTime),
          selectionOf: choosing({ isOfJoined: true }),
          isOfPages: planned.isOfJoined === true,
        },
      }),
    });
  }

  #compartment(type: string, { memberSearch, isOfJoined }: Chosen): CompartmentSelection {
    const links = patientCompartment(this.#fhirVersion).get(type) ?? [];
    const { bases = [], hasAllPatients = false } = this.#plan.compartment ?? {};
    const members = this.#members;
    const among = isOfJoined === true ? members?.joined : members;
    return new CompartmentSelection(
      { type, fhirVersion: this.#fhirVersion, links, bases, members, among, hasAllPatients },
      memberSearch,
    );
  }
}

/** What of a partition says whose resources it is of. */
type Chosen = Pick<PlannedPartition, 'memberSearch' | 'isOfJoined'>;
