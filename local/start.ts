import { misspelledSettings } from '../functions/settings/misspelled.js';
import { startStack } from './stack.js';

/** `npm start`: the embedded stack until Ctrl-C or SIGTERM. */
async function main(): Promise<void> {
  for (const warning of misspelledSettings(process.env)) console.warn(warning);
  const stack = await startStack({ report: (line) => console.log(`${line} …`) });
  const stop = (): void => {
    console.log('');
    void stack.stop().then(() => process.exit(0));
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  console.log(`
The export runs at   ${stack.baseUrl}
The console is at    ${stack.baseUrl.replace(/fhir$/, 'console/')}
It reads from        ${stack.fhirServerUrl} (SOURCE_MODE=${stack.sourceMode})
Logs and data are in ${stack.dataDirectory}

One command starts a de-identified export, downloads it into a new folder, and checks the files:

  npm run export -- --base ${stack.baseUrl} --container research${stack.containerSuffix} \\
    --config ${stack.sampleConfiguration} --output my-export

Or with curl. Start an export and keep its status URL (if it is empty, the export was refused:
-o /dev/stderr in place of -o /dev/null shows why):

  STATUS=$(curl -s -D - -o /dev/null -H 'Accept: application/fhir+json' -H 'Prefer: respond-async' \\
    '${stack.baseUrl}/$export?_container=research${stack.containerSuffix}&_anonymizationConfig=${stack.sampleConfiguration}' \\
    | tr -d '\\r' | sed -n 's/^content-location: //Ip'); echo "$STATUS"

Ask how far it is, and for the manifest when it is done (200):

  curl -si "$STATUS"

Download all of its files:

  (mkdir -p export && cd export && curl -s "$STATUS" | grep -o '"url":"[^"]*' | cut -c8- | xargs -r -n 1 curl -sO)

Ctrl-C stops everything; what it did stays in ${stack.dataDirectory}.
`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
