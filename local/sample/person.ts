import { decimal, extension, type Element } from './element.js';
import type { Random } from './random.js';
import { FAMILY_NAMES, FEMALE_NAMES, MALE_NAMES, PLACES, STREETS } from './words.js';

/** A made-up person's name. */
export interface Name {
  family: string;
  given: string[];
  /** As it is in running text. */
  full: string;
}

export function makeName(random: Random, gender: 'male' | 'female'): Name {
  const names = gender === 'female' ? FEMALE_NAMES : MALE_NAMES;
  const given = random.chance(0.4) ? [random.pick(names), random.pick(names)] : [random.pick(names)];
  const family = random.pick(FAMILY_NAMES);
  return { family, given, full: `${given[0]} ${family}` };
}

export function humanName(name: Name, prefix: string): Element {
  return {
    use: 'official',
    text: `${prefix} ${name.full}`,
    family: name.family,
    given: name.given,
    prefix: [prefix],
  };
}

/** A home or office, sometimes with coordinates and the four further digits of the postal code. */
export function makeAddress(random: Random, use: 'home' | 'work'): Element {
  const [city, state, zip] = random.pick(PLACES);
  const line = `${random.int(1, 9999)} ${random.pick(STREETS)}`;
  const postalCode = zip + random.digits(2) + (random.chance(0.3) ? `-${random.digits(4)}` : '');
  const geolocation = extension('http://hl7.org/fhir/StructureDefinition/geolocation', {
    extension: [
      extension('latitude', { valueDecimal: decimal(`4${random.int(0, 7)}.${random.digits(7)}`) }),
      extension('longitude', { valueDecimal: decimal(`-${random.int(71, 121)}.${random.digits(6)}0`) }),
    ],
  });
  return {
    ...(random.chance(0.5) ? { extension: [geolocation] } : {}),
    use,
    text: `${line}, ${city}, ${state} ${postalCode}`,
    line: random.chance(0.3) ? [line, `Unit ${random.int(1, 80)}`] : [line],
    city,
    district: `${city} County`,
    state,
    postalCode,
    country: 'US',
  };
}

export function phone(random: Random, use: 'home' | 'mobile' | 'work'): Element {
  return { system: 'phone', value: phoneNumber(random), use };
}

export function phoneNumber(random: Random): string {
  return `(555) 01${random.digits(1)}-${random.digits(4)}`;
}

export function email(name: Name, random: Random): Element {
  const letters = name.full
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z]+/g, '.');
  return { system: 'email', value: `${letters}${random.digits(3)}@mail.example.org`, use: 'home' };
}
