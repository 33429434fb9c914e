import type { ApprovalRule } from '../../request/approval.js';
import type { Fact, PartMaker, ReportedExport } from '../part.js';

const APPROVALS: Readonly<Record<ApprovalRule, string>> = {
  digest: 'by its digest, which the operator has listed',
  coverage: 'by its coverage, which is complete',
  container: 'by the place that it was read from; what it leaves was not judged',
};
const NOT_APPROVED = 'not approved: the files count as identified data';

/** Which configuration was used, and why it counts as de-identification. */
export const configurationPart: PartMaker = (report, sheet) => {
  const { configuration } = report;
  const left = Object.entries(configuration?.coverage?.left ?? {});
  return {
    id: 'configuration',
    title: 'Configuration',
    notes: [
      'De-identified as the configuration says. No legal or regulatory standard is guaranteed by it: whoever releases the data answers for it.',
      ...(sheet.minCount > 0
        ? [
            `Counts from 1 to ${sheet.minCount - 1} are shown as <${sheet.minCount}, and what would reveal one by subtraction as hidden, or as above a bound (>). All other counts of resources are exact.`,
            `Counts of values (operations, dates, extensions, code systems, what was dropped or is not valid), and the number of classes, are rounded down (≥), and hidden where the type has few resources. A sum of them is that of the rounded ones.`,
          ]
        : ['All counts are shown, also small ones: a count of 1 is of one resource.']),
    ],
    facts: [...configurationFacts(report), ...exportFacts(report)],
    tables:
      left.length === 0
        ? []
        : [
            {
              id: 'coverage',
              caption: 'Data types that the rules may leave and that can hold identities',
              columns: [
                { name: 'category', title: 'Category' },
                { name: 'dataTypes', title: 'Data types' },
              ],
              rows: left.map(([category, types]) => ({ category, dataTypes: types.join(', ') })),
            },
          ],
  };
};

function configurationFacts({ configuration }: ReportedExport): Fact[] {
  if (configuration === undefined)
    return [{ name: 'configuration', term: 'Configuration', value: 'not known: there is no report.json' }];
  if (configuration === null)
    return [{ name: 'configuration', term: 'Configuration', value: 'none: the files are raw data' }];
  const { name, digest, extends: sample, collection, coverage, approval } = configuration;
  const isComplete = coverage?.isComplete;
  return [
    { name: 'configuration', term: 'Configuration', value: name },
    { name: 'configurationDigest', term: 'Digest (SHA-256)', value: digest },
    ...(sample === undefined ? [] : [{ name: 'configurationExtends', term: 'Extends', value: sample }]),
    ...(collection === undefined
      ? []
      : [
          { name: 'configurationCollectionReference', term: 'Image', value: collection.reference },
          { name: 'configurationCollectionDigest', term: 'Digest of the image', value: collection.digest },
        ]),
    {
      name: 'configurationCoverage',
      term: 'Coverage',
      value:
        isComplete === undefined
          ? 'not known'
          : isComplete
            ? 'complete: the rules leave no element that can hold an identity'
            : 'not complete: see the table',
    },
    {
      name: 'configurationApproval',
      term: 'Approval',
      value: approval === undefined ? NOT_APPROVED : APPROVALS[approval],
    },
  ];
}

function exportFacts({ transactionTime, finishedAt, fhirVersion, engineVersion }: ReportedExport): Fact[] {
  return [
    { name: 'transactionTime', term: 'Data as of', value: transactionTime },
    { name: 'finishedAt', term: 'Export finished', value: finishedAt },
    { name: 'fhirVersion', term: 'FHIR version', value: fhirVersion },
    { name: 'engineVersion', term: 'Version of the software', value: engineVersion },
  ].flatMap(({ value, ...fact }) => (value === undefined ? [] : [{ ...fact, value }]));
}
