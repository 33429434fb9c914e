import { ALLERGENS, ETHNICITIES, hl7, RACES, SNOMED, type Code } from './codes.js';
import {
  coding,
  concept,
  date,
  dateTime,
  days,
  extension,
  reference,
  type Element,
  type Resource,
} from './element.js';
import type { Hospital, Practitioner } from './hospital.js';
import { email, humanName, makeAddress, makeName, phone, phoneNumber, type Name } from './person.js';
import type { Random } from './random.js';
import { FAMILY_NAMES, LANGUAGES } from './words.js';

/** The day the sample's stories end, so that they do not depend on the day of their making. */
export const SAMPLE_END = Date.UTC(2024, 5, 1);

const YEAR_DAYS = 365.25;
const US_CORE = 'http://hl7.org/fhir/us/core/StructureDefinition';
const BASE = 'http://hl7.org/fhir/StructureDefinition';

export interface Patient {
  resource: Resource;
  name: Name;
  /** Medical record number. */
  recordNumber: string;
  socialSecurityNumber: string;
  birth: number;
  /** When the story of this patient ends: death, or the sample's end. */
  end: number;
  coverage: Resource;
  insurer: Hospital['insurers'][number];
  doctor: Practitioner;
}

/** Makes the nth patient with what surrounds it; every thirteenth is over 89 years old. */
export function makePatient(
  random: Random,
  index: number,
  hospital: Hospital,
  emit: (resource: Resource) => void,
): Patient {
  const gender = random.pick(['male', 'female'] as const);
  const name = makeName(random, gender);
  const age = index % 13 === 0 ? random.int(90, 104) : random.int(0, 88);
  const birth =
    SAMPLE_END - days(Math.floor(age * YEAR_DAYS) + random.int(1, 364)) + random.int(0, 86_399) * 1000;
  const isDead = age > 40 && random.chance(0.15);
  const end = isDead ? SAMPLE_END - days(random.int(1, 300)) : SAMPLE_END;
  const recordNumber = `MRN-${random.digits(7)}`;
  const socialSecurityNumber = `999-${random.digits(2)}-${random.digits(4)}`;
  const doctor = random.pick(hospital.practitioners);
  const insurer = random.pick(hospital.insurers);

  const resource: Resource = {
    resourceType: 'Patient',
    id: random.uuid(),
    text: narrative(`${name.full}, born ${date(birth)}, record ${recordNumber}`),
    extension: demographics(random, gender, name),
    identifier: identifiers(random, hospital, recordNumber, socialSecurityNumber),
    active: true,
    name: names(random, name, gender),
    telecom: [phone(random, 'home'), phone(random, 'mobile'), email(name, random)],
    gender,
    birthDate: date(birth),
    _birthDate: { extension: [extension(`${BASE}/patient-birthTime`, { valueDateTime: dateTime(birth) })] },
    ...(isDead ? { deceasedDateTime: dateTime(end) } : { deceasedBoolean: false }),
    address: [makeAddress(random, 'home')],
    maritalStatus: concept(hl7('v3-MaritalStatus'), 'M', 'Married'),
    ...(random.chance(0.1) ? { multipleBirthInteger: random.int(1, 3) } : { multipleBirthBoolean: false }),
    ...(random.chance(0.2) ? { photo: [photo(random, name)] } : {}),
    contact: [contact(random)],
    communication: [communication(random)],
    generalPractitioner: [reference(doctor.resource, doctor.title)],
    managingOrganization: reference(hospital.organization, hospital.name),
  };
  emit(resource);
  const coverage = makeCoverage(random, resource, name, insurer);
  emit(coverage);
  const patient = {
    resource,
    name,
    recordNumber,
    socialSecurityNumber,
    birth,
    end,
    coverage,
    insurer,
    doctor,
  };
  if (random.chance(0.6)) emit(makeRelatedPerson(random, patient));
  if (age > 89 || random.chance(0.5)) emit(makeAllergy(random, patient));
  if (random.chance(0.3)) emit(makeDevice(random, patient, hospital));
  return patient;
}

/** A generated narrative; `text` must need no escapes in XHTML. */
export function narrative(text: string): Element {
  return { status: 'generated', div: `<div xmlns="http://www.w3.org/1999/xhtml"><p>${text}</p></div>` };
}

function demographics(random: Random, gender: string, name: Name): Element[] {
  return [
    category(`${US_CORE}/us-core-race`, random.pick(RACES)),
    category(`${US_CORE}/us-core-ethnicity`, random.pick(ETHNICITIES)),
    extension(`${US_CORE}/us-core-birthsex`, { valueCode: gender === 'female' ? 'F' : 'M' }),
    extension(`${BASE}/patient-mothersMaidenName`, {
      valueString: `${name.given[0]} ${random.pick(FAMILY_NAMES)}`,
    }),
    extension(`${BASE}/patient-birthPlace`, {
      valueAddress: { city: makeAddress(random, 'home')['city'], country: 'US' },
    }),
  ];
}

function category(url: string, [code, display]: Code): Element {
  return extension(url, {
    extension: [
      extension('ombCategory', { valueCoding: coding('urn:oid:2.16.840.1.113883.6.238', code, display) }),
      extension('text', { valueString: display }),
    ],
  });
}

function identifiers(random: Random, hospital: Hospital, recordNumber: string, ssn: string): Element[] {
  return [
    {
      ...identifier('MR', 'Medical record number', 'http://hospital.example.org/mrn', recordNumber),
      assigner: reference(hospital.organization, hospital.name),
    },
    identifier('SS', 'Social Security number', 'http://hl7.org/fhir/sid/us-ssn', ssn),
    identifier('DL', "Driver's license number", 'urn:oid:2.16.840.1.113883.4.3.25', `S${random.digits(8)}`),
    ...(random.chance(0.3)
      ? [identifier('PPN', 'Passport number', `${BASE}/passportNumber`, `X${random.digits(8)}X`)]
      : []),
  ];
}

function identifier(code: string, text: string, system: string, value: string): Element {
  return { use: 'usual', type: concept(hl7('v2-0203'), code, text), system, value };
}

/** Some have a former name, and some a given name that is unknown: a value that is an extension alone. */
function names(random: Random, name: Name, gender: string): Element[] {
  const official = humanName(name, gender === 'female' ? 'Ms.' : 'Mr.');
  if (random.chance(0.15)) {
    const unknown = { extension: [extension(`${BASE}/data-absent-reason`, { valueCode: 'unknown' })] };
    return [{ ...official, given: [...name.given, null], _given: [...name.given.map(() => null), unknown] }];
  }
  if (random.chance(0.2)) {
    return [
      official,
      { use: 'maiden', family: random.pick(FAMILY_NAMES), given: name.given, period: { end: '2008-05-17' } },
    ];
  }
  return [official];
}

function photo(random: Random, name: Name): Element {
  return {
    contentType: 'image/jpeg',
    data: random.base64(random.int(200, 500)),
    url: `https://photos.example.org/${random.uuid()}.jpg`,
    title: `Portrait of ${name.full}`,
    creation: '2021-03-04',
  };
}

function contact(random: Random): Element {
  const gender = random.pick(['male', 'female'] as const);
  const name = makeName(random, gender);
  return {
    relationship: [concept(hl7('v2-0131'), 'N', 'Next-of-Kin')],
    name: humanName(name, gender === 'female' ? 'Ms.' : 'Mr.'),
    telecom: [phone(random, 'mobile'), email(name, random)],
    address: makeAddress(random, 'home'),
    gender,
  };
}

function communication(random: Random): Element {
  const [code, display] = random.pick(LANGUAGES);
  return { language: concept('urn:ietf:bcp:47', code, display), preferred: true };
}

function makeCoverage(
  random: Random,
  patient: Resource,
  name: Name,
  insurer: Hospital['insurers'][number],
): Resource {
  return {
    resourceType: 'Coverage',
    id: random.uuid(),
    identifier: [{ system: 'http://insurer.example.org/member', value: `W${random.digits(9)}` }],
    status: 'active',
    type: concept(hl7('v3-ActCode'), 'EHCPOL', 'extended healthcare'),
    policyHolder: reference(patient, name.full),
    subscriber: reference(patient),
    subscriberId: `SUB${random.digits(8)}`,
    beneficiary: reference(patient, name.full),
    dependent: random.digits(1),
    relationship: concept(hl7('subscriber-relationship'), 'self'),
    period: { start: '2019-01-01', end: '2026-12-31' },
    payor: [reference(insurer.resource, insurer.name)],
    class: [
      {
        type: concept(hl7('coverage-class'), 'group'),
        value: `G${random.digits(5)}`,
        name: `${name.family} family plan`,
      },
    ],
  };
}

function makeRelatedPerson(random: Random, patient: Patient): Resource {
  const gender = random.pick(['male', 'female'] as const);
  const name = makeName(random, gender);
  return {
    resourceType: 'RelatedPerson',
    id: random.uuid(),
    identifier: [
      { system: 'http://hl7.org/fhir/sid/us-ssn', value: `999-${random.digits(2)}-${random.digits(4)}` },
    ],
    active: true,
    patient: reference(patient.resource, patient.name.full),
    relationship: [concept(hl7('v3-RoleCode'), 'SPS', 'spouse')],
    name: [humanName(name, gender === 'female' ? 'Ms.' : 'Mr.')],
    telecom: [phone(random, 'mobile'), email(name, random)],
    gender,
    birthDate: `19${random.int(30, 99)}-1${random.int(0, 2)}-0${random.int(1, 9)}`,
    address: [makeAddress(random, 'home')],
  };
}

function makeAllergy(random: Random, patient: Patient): Resource {
  const [code, display] = random.pick(ALLERGENS);
  const age = Math.max(1, Math.floor((patient.end - patient.birth) / days(YEAR_DAYS)));
  return {
    resourceType: 'AllergyIntolerance',
    id: random.uuid(),
    clinicalStatus: concept(hl7('allergyintolerance-clinical'), 'active'),
    verificationStatus: concept(hl7('allergyintolerance-verification'), 'confirmed'),
    type: 'allergy',
    category: ['environment'],
    criticality: 'low',
    code: concept(SNOMED, code, display),
    patient: reference(patient.resource, patient.name.full),
    onsetAge: {
      value: age > 89 ? age : random.int(1, age),
      unit: 'years',
      system: 'http://unitsofmeasure.org',
      code: 'a',
    },
    recordedDate: dateTime(patient.birth + days(random.int(1, 300))),
    recorder: reference(patient.doctor.resource, patient.doctor.title),
    note: [
      {
        authorString: patient.doctor.title,
        time: dateTime(patient.end),
        text: `${patient.name.full} reports hives.`,
      },
    ],
    reaction: [
      { manifestation: [concept(SNOMED, '271807003', 'Eruption of skin')], description: 'Rash on both arms' },
    ],
  };
}

function makeDevice(random: Random, patient: Patient, hospital: Hospital): Resource {
  const serial = `SN${random.digits(8)}`;
  return {
    resourceType: 'Device',
    id: random.uuid(),
    identifier: [{ system: 'http://hospital.example.org/devices', value: `DEV-${random.digits(5)}` }],
    udiCarrier: [
      {
        deviceIdentifier: `08${random.digits(12)}`,
        issuer: 'http://hl7.org/fhir/NamingSystem/gs1-di',
        carrierHRF: `(01)08${random.digits(12)}(21)${serial}`,
        entryType: 'barcode',
      },
    ],
    status: 'active',
    distinctIdentifier: `A${random.digits(13)}`,
    manufacturer: 'Clockwork Cardiac Devices',
    manufactureDate: dateTime(patient.end - days(2000)),
    lotNumber: `LOT${random.digits(6)}`,
    serialNumber: serial,
    deviceName: [{ name: 'Cadence DR', type: 'model-name' }],
    type: concept(SNOMED, '706004007', 'Implantable cardiac pacemaker'),
    patient: reference(patient.resource, patient.name.full),
    owner: reference(hospital.organization),
    contact: [{ system: 'phone', value: phoneNumber(random) }],
    url: `http://devices.example.org/${serial}`,
    note: [{ text: `Implanted in ${patient.name.full}; check the leads yearly.` }],
  };
}
