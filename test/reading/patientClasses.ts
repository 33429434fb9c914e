/** A Patient as it was exported. */
type Patient = Readonly<Record<string, unknown>>;

interface Extension {
  url?: string;
  extension?: Extension[];
  valueCoding?: { code?: string };
  valueString?: string;
}

/** How many Patients share each combination of the default quasi-identifiers, found in plain code. */
export function classesOf(patients: readonly Patient[]): Map<string, number> {
  const classes = new Map<string, number>();
  for (const patient of patients) {
    const key = JSON.stringify(combinationOf(patient));
    classes.set(key, (classes.get(key) ?? 0) + 1);
  }
  return classes;
}

function combinationOf(patient: Patient): unknown[] {
  const addresses = (patient['address'] ?? []) as Array<{ postalCode?: string; state?: string }>;
  const died = patient['deceasedDateTime'] ?? patient['deceasedBoolean'] ?? false;
  return [
    set([(patient['birthDate'] as string | undefined)?.slice(0, 4)]),
    set([patient['gender'] as string | undefined]),
    set(addresses.map(({ postalCode }) => postalCode?.slice(0, 3))),
    set(addresses.map(({ state }) => state)),
    set(codesOf(patient, 'us-core-race')),
    set(codesOf(patient, 'us-core-ethnicity')),
    died === false ? [] : [String(died as string | true).slice(0, 4)],
  ];
}

function codesOf(patient: Patient, name: string): Array<string | undefined> {
  const extensions = (patient['extension'] ?? []) as Extension[];
  return extensions
    .filter(({ url }) => url === `http://hl7.org/fhir/us/core/StructureDefinition/${name}`)
    .flatMap(({ extension = [] }) => extension)
    .map(({ valueCoding, valueString }) => valueCoding?.code ?? valueString);
}

function set(values: ReadonlyArray<string | undefined>): string[] {
  return [...new Set(values.filter((value) => value !== undefined))].sort();
}
