import type { Count } from '../countSheet.js';
import { grouped } from '../grouped.js';
import type { DraftPart, Fact, PartMaker } from '../part.js';

/** What the export took. */
export const costPart: PartMaker = (report, sheet): DraftPart => {
  const { types, seconds, cost, files } = report;
  const sliceSeconds = types.reduce((sum, ofType) => sum + ofType.seconds, 0);
  const isSmall = files.some(({ count }) => count > 0 && count < sheet.minCount);
  const facts: (Fact<string | Count> | undefined)[] = [
    seconds === undefined
      ? undefined
      : { name: 'seconds', term: 'From kick-off to the last file', value: inSeconds(seconds) },
    sliceSeconds === 0
      ? undefined
      : {
          name: 'sliceSeconds',
          term: 'Time of all slices, which run beside each other',
          value: inSeconds(sliceSeconds),
        },
    cost?.cpuSeconds === undefined
      ? undefined
      : { name: 'cpuSeconds', term: 'CPU time of all slices', value: inSeconds(cost.cpuSeconds) },
    cost === undefined
      ? undefined
      : {
          name: 'sourceRequests',
          term: 'Requests to the source, of all slices',
          // By those that are made for each patient, patients could be counted.
          value: sheet.ofAll(cost.sourceRequests),
        },
    { name: 'files', term: 'Files', value: String(files.length) },
    // By the size of a file, its few lines could be counted.
    isSmall
      ? undefined
      : {
          name: 'bytes',
          term: 'Bytes of the files, uncompressed',
          value: grouped(files.reduce((sum, { bytes }) => sum + bytes, 0)),
        },
  ];
  return {
    id: 'cost',
    title: 'Cost',
    notes: [],
    facts: facts.filter((fact) => fact !== undefined),
    tables: [],
  };
};

function inSeconds(seconds: number): string {
  return `${grouped(Math.round(seconds * 10) / 10)} s`;
}
