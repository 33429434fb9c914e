import { hl7, SNOMED } from './codes.js';
import { coding, concept, decimal, reference, type Resource } from './element.js';
import { email, humanName, makeAddress, makeName, phone, type Name } from './person.js';
import type { Random } from './random.js';
import { INSURERS, ORGANIZATION_WORDS } from './words.js';

export interface Practitioner {
  resource: Resource;
  /** `Dr. Given Family` */
  title: string;
  name: Name;
}

/** What patients are treated in. */
export interface Hospital {
  organization: Resource;
  name: string;
  insurers: { resource: Resource; name: string }[];
  locations: { resource: Resource; name: string }[];
  practitioners: Practitioner[];
}

const WARDS = ['Emergency Department', 'Cardiology', 'Internal Medicine', 'Pediatrics', 'Radiology'];

/** Makes the hospital; `emit` gets each resource after all those it refers to. */
export function makeHospital(
  random: Random,
  practitioners: number,
  emit: (resource: Resource) => void,
): Hospital {
  const name = `${random.pick(ORGANIZATION_WORDS)} General Hospital`;
  const organization = makeOrganization(random, name, 'prov', 'Healthcare Provider');
  emit(organization);
  const insurers = INSURERS.map((insurer) => {
    const resource = makeOrganization(random, insurer, 'pay', 'Payer');
    emit(resource);
    return { resource, name: insurer };
  });
  const locations = WARDS.map((ward) => {
    const resource = makeLocation(random, `${name} ${ward}`, organization);
    emit(resource);
    return { resource, name: ward };
  });
  const staff = Array.from({ length: practitioners }, () => {
    const practitioner = makePractitioner(random);
    emit(practitioner.resource);
    emit(makeRole(random, practitioner, organization, random.pick(locations).resource));
    return practitioner;
  });
  return { organization, name, insurers, locations, practitioners: staff };
}

function makeOrganization(random: Random, name: string, code: string, display: string): Resource {
  return {
    resourceType: 'Organization',
    id: random.uuid(),
    identifier: [{ system: 'http://hl7.org/fhir/sid/us-npi', value: random.digits(10) }],
    active: true,
    type: [concept(hl7('organization-type'), code, display)],
    name,
    alias: [name.split(' ')[0]],
    telecom: [
      phone(random, 'work'),
      { system: 'url', value: `https://www.${code}${random.digits(3)}.example.org` },
    ],
    address: [makeAddress(random, 'work')],
    contact: [
      {
        purpose: concept(hl7('contactentity-type'), 'ADMIN'),
        name: humanName(makeName(random, 'female'), 'Ms.'),
        telecom: [phone(random, 'work')],
      },
    ],
  };
}

function makeLocation(random: Random, name: string, organization: Resource): Resource {
  return {
    resourceType: 'Location',
    id: random.uuid(),
    identifier: [
      { system: 'urn:oid:1.2.36.146.595.217.0.1', value: `B${random.digits(3)}-F${random.digits(1)}` },
    ],
    status: 'active',
    name,
    description: `Wing ${random.int(1, 4)}, next to the garden. Ask for ${makeName(random, 'male').full}.`,
    mode: 'instance',
    telecom: [phone(random, 'work')],
    address: makeAddress(random, 'work'),
    position: {
      longitude: decimal(`-${random.int(71, 121)}.${random.digits(6)}`),
      latitude: decimal(`4${random.int(0, 7)}.${random.digits(5)}0`),
    },
    managingOrganization: reference(organization, name),
    hoursOfOperation: [{ daysOfWeek: ['mon', 'tue'], openingTime: '08:30:00', closingTime: '17:00:00' }],
  };
}

function makePractitioner(random: Random): Practitioner {
  const gender = random.pick(['male', 'female'] as const);
  const name = makeName(random, gender);
  const license = { system: 'urn:oid:2.16.840.1.113883.4.3.53', value: `MD${random.digits(6)}` };
  return {
    name,
    title: `Dr. ${name.full}`,
    resource: {
      resourceType: 'Practitioner',
      id: random.uuid(),
      identifier: [{ system: 'http://hl7.org/fhir/sid/us-npi', value: random.digits(10) }],
      active: true,
      name: [humanName(name, 'Dr.')],
      telecom: [email(name, random), phone(random, 'work')],
      address: [makeAddress(random, 'work')],
      gender,
      birthDate: `19${random.int(50, 89)}-0${random.int(1, 9)}-1${random.int(0, 9)}`,
      qualification: [
        {
          identifier: [license],
          code: concept(hl7('v2-0360'), 'MD', 'Doctor of Medicine'),
          period: { start: '2001' },
        },
      ],
    },
  };
}

function makeRole(
  random: Random,
  practitioner: Practitioner,
  organization: Resource,
  location: Resource,
): Resource {
  return {
    resourceType: 'PractitionerRole',
    id: random.uuid(),
    active: true,
    period: { start: '2012-01-01' },
    practitioner: reference(practitioner.resource, practitioner.title),
    organization: reference(organization),
    code: [concept(SNOMED, '158965000', 'Medical practitioner')],
    specialty: [{ coding: [coding(SNOMED, '419192003', 'Internal medicine')] }],
    location: [reference(location)],
    telecom: [phone(random, 'work')],
    availableTime: [{ daysOfWeek: ['wed'], availableStartTime: '09:00:00', availableEndTime: '12:00:00' }],
    availabilityExceptions: `${practitioner.title} is away on public holidays`,
  };
}
