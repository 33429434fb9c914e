import { readFileSync, writeFileSync } from 'node:fs';

// Makes the bill of materials of production (CycloneDX) from that of everything on standard input, since npm's own
// leaves out what development needs as well; checks that it is whole, and the licences in it.
const ALLOWED = new Set(['MIT', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', '0BSD', 'Python-2.0']);
/** Read by a person: the licence's text allows use and distribution with notice. */
const READ = new Map([
  ['fhirpath', 'of the National Library of Medicine, in LICENSE.md'],
  ['emitter-component', 'states none itself; the emitter it is a copy of has MIT'],
  ['@lhncbc/ucum-lhc', 'of the National Library of Medicine, in LICENSE.md'],
]);

const FILE = 'dist/sbom.json';
const bill = JSON.parse(readFileSync(0, 'utf8'));
const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const production = new Set(
  Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && dev !== true && devOptional !== true)
    .map(
      ([path, { version }]) =>
        `${path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)}@${version}`,
    ),
);
const components = bill.components.filter((component) => production.has(component['bom-ref']));
const kept = new Set(components.map((component) => component['bom-ref']));
writeFileSync(
  FILE,
  JSON.stringify({
    ...bill,
    components,
    dependencies: bill.dependencies
      .filter(({ ref }) => kept.has(ref) || ref === bill.metadata.component['bom-ref'])
      .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((other) => kept.has(other)) })),
  }),
);
const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
const nameOf = ({ group, name }) => (group ? `${group}/${name}` : name);
const allows = (expression) => expression.split(/ OR |[()]/).some((id) => ALLOWED.has(id.trim()));
const licencesOf = ({ licenses = [] }) =>
  licenses.map(({ expression, license }) => expression ?? license?.id ?? license?.name ?? '');

const problems = [];
for (const name of Object.keys(dependencies)) {
  if (!components.some((component) => nameOf(component) === name))
    problems.push(`${name} is not in the bill of materials`);
}
for (const component of components) {
  const name = nameOf(component);
  const licences = licencesOf(component);
  if (READ.has(name) || (licences.length > 0 && licences.every(allows))) continue;
  problems.push(
    `${name}: licence ${licences.join(', ') || 'not told'}; read it, then allow it here or do without`,
  );
}
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
console.log(`${components.length} production packages, all licences allowed; bill of materials in ${FILE}`);
