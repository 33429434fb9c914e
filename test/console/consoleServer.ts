import { serveConsole as serve } from '../../cli/console.js';

/** Serves the built console as `fhir-deid console` does, by the policies of the app. */
export async function serveConsole(): Promise<{ readonly base: string; end(): Promise<void> }> {
  const served = await serve({ port: 0 });
  return { base: served.url.slice(0, -1), end: () => served.stop() };
}
