import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { JSX } from 'preact';
import { FHIR_VERSIONS, type FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { EngineClient } from '../engine/engineClient.js';
import type { Hello } from '../engine/protocol.js';
import { Navigation } from '../shared/navigation.js';

/** The FHIR version of the document's address: another one is another document. */
function versionOf(address: string): FhirVersion {
  const asked = new URL(address).searchParams.get('version')?.toUpperCase();
  return FHIR_VERSIONS.find((version) => version === asked) ?? 'R4';
}

function Preview({ engine }: { readonly engine: EngineClient }): JSX.Element {
  const [hello, setHello] = useState<Hello>();
  useEffect(() => void engine.call('hello', {}).then(setHello), [engine]);
  return (
    <>
      <Navigation current="Preview" />
      <main>
        <h1>Preview</h1>
        <p role="status">{hello === undefined ? 'Starting the engine …' : `FHIR ${hello.fhirVersion}`}</p>
      </main>
    </>
  );
}

render(
  <Preview engine={EngineClient.start(versionOf(location.href))} />,
  document.querySelector('#page') as Element,
);
