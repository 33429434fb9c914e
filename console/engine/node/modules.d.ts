/* Modules that the build writes (`infra/tools/console.ts`), and packages that come without types. */

declare module 'console:version' {
  import type { FhirVersion } from '../../../functions/fhir/fhirVersion.js';
  const version: FhirVersion;
  export default version;
}

declare module 'console:samples' {
  import type { JsonObject } from '../../../functions/json/json.js';
  const samples: Readonly<Record<string, JsonObject>>;
  export default samples;
}

declare module 'console:invented' {
  /** Lines of JSON by the types of the resources. */
  const resources: Readonly<Record<string, string>>;
  export default resources;
}

declare module 'console:definitions' {
  const text: string;
  export default text;
}

declare module '@lhncbc/ucum-lhc/source-cjs/ucumLhcUtils.js' {
  import type { UcumLibrary } from '../../../functions/deid/values/ucumLibrary.js';
  export const UcumLhcUtils: { getInstance(): UcumLibrary };
}
