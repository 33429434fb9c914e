import { increase } from '../../common/counts.js';
import { datePrecisionOf } from '../../fhir/datePrecision.js';
import { reportedUri } from '../../fhir/publishedUris.js';
import { targetTypeOf } from '../../fhir/referenceTarget.js';
import { ARRAY, OBJECT, STRING, type JsonTape } from '../../json/jsonTape.js';
import { nameNumber } from '../../json/keyNames.js';
import type { FhirModel } from '../model/fhirModel.js';
import { MAX_DEPTH } from '../model/node.js';
import { uriKindOf } from '../model/uriKind.js';
import type { FhirType } from '../model/types.js';
import type { TypeReport } from './typeReport.js';

const RESOURCE_TYPE = nameNumber('resourceType');
/** In place of a root element that the FHIR version does not define: its name may be anything. */
const UNKNOWN = '(unknown)';

/**
 * Counts what resources contain, as an engine does for those that it makes: for lines that are cut afterwards, and to
 * check files.
 */
export class ContentCounter {
  readonly #model: FhirModel;
  readonly #onReference: ((reference: string) => void) | undefined;
  readonly #isResourceType: (name: string) => boolean;

  /** @param onReference called with every `Reference.reference` */
  constructor(model: FhirModel, onReference?: (reference: string) => void) {
    this.#model = model;
    this.#onReference = onReference;
    this.#isResourceType = (name) => model.resource(name) !== undefined;
  }

  /** Adds a resource to the report of its type. What is nested deeper than any resource is not looked at. */
  add(tape: JsonTape, resource: number, report: TypeReport): void {
    report.resources++;
    const type = this.#model.resource(tape.textOf(resource, RESOURCE_TYPE) ?? '');
    const end = tape.after(resource);
    for (let member = tape.first(resource); member < end; member = tape.after(member)) {
      const name = tape.nameText(member);
      if (name === 'resourceType') continue;
      const element = type?.elements.get(name.startsWith('_') ? name.slice(1) : name);
      increase(report.elements, element === undefined ? UNKNOWN : name);
    }
    if (type !== undefined) this.#addMembers(tape, resource, type, report, 0);
  }

  #addMembers(tape: JsonTape, object: number, type: FhirType, report: TypeReport, depth: number): void {
    if (depth > MAX_DEPTH) return;
    const end = tape.after(object);
    for (let member = tape.first(object); member < end; member = tape.after(member)) {
      const name = tape.nameText(member);
      const element = type.elements.get(name.startsWith('_') ? name.slice(1) : name);
      if (element === undefined) continue;
      if (type.name === 'Reference' && name === 'reference' && tape.kind(member) === STRING) {
        const reference = tape.primitive(member) as string;
        increase(report.references, targetTypeOf(reference, this.#isResourceType));
        this.#onReference?.(reference);
      } else {
        const kind = uriKindOf(element);
        if (kind !== undefined && tape.kind(member) === STRING)
          increase(report[kind], reportedUri(kind, tape.primitive(member) as string));
        this.#addValue(tape, member, element.type, report, depth);
      }
    }
  }

  /** @param type null for a resource of any type */
  #addValue(tape: JsonTape, node: number, type: FhirType | null, report: TypeReport, depth: number): void {
    switch (tape.kind(node)) {
      case ARRAY: {
        const end = tape.after(node);
        for (let item = tape.first(node); item < end; item = tape.after(item))
          if (tape.kind(item) !== ARRAY) this.#addValue(tape, item, type, report, depth);
        break;
      }
      case OBJECT: {
        const own = type ?? this.#model.resource(tape.textOf(node, RESOURCE_TYPE) ?? '');
        if (own !== undefined) this.#addMembers(tape, node, own, report, depth + 1);
        break;
      }
      case STRING: {
        if (type?.primitive !== 'date' && type?.primitive !== 'dateTime') break;
        const precision = datePrecisionOf(tape.primitive(node) as string);
        if (precision !== undefined) report.dates[precision]++;
        break;
      }
    }
  }
}
