import { ExportError } from '../../../functions/common/errors.js';
import { ConfigurationCache } from '../../../functions/http/configurationCache.js';
import type { OutcomeIssue } from '../../../functions/fhir/operationOutcome.js';
import type { DeIdentifyAnswer } from '../../../functions/http/deIdentify/task.js';
import { DeIdentification } from '../../../functions/http/deIdentify/work.js';
import type { PseudonymServices } from '../../../functions/export/output/jobPseudonyms.js';
import { readSettings } from '../../../functions/settings/settings.js';
import { REQUIRED_SETTINGS } from '../../environment.js';

/** What a request came to. */
export interface Answered {
  status: number;
  /** Of a result, or of the OperationOutcome. */
  text: string;
  issues: OutcomeIssue[];
}

/** The work of `$de-identify` in this process, with configurations that are in no storage. */
export function inProcess(
  configurations: Readonly<Record<string, object>>,
  environment: Readonly<Record<string, string>> = {},
  pseudonyms?: PseudonymServices,
): (body: string | Buffer, search?: string) => Promise<Answered> {
  const settings = readSettings({ ...REQUIRED_SETTINGS, ...environment });
  const work = new DeIdentification({
    settings,
    configurationBlobs: {
      read: async (name: string) => {
        const found = configurations[name];
        if (found === undefined) throw new ExportError('configuration-not-found', 'There is no such blob.');
        return { text: JSON.stringify(found), etag: '"1"' };
      },
    } as never,
    configurationImages: undefined as never,
    checkedConfigurations: new ConfigurationCache(settings.fhirVersion, 'warning', pseudonyms !== undefined),
    pseudonyms,
    resolveSecret: async (name) => settings.secrets.get(name) ?? null,
    now: () => Date.UTC(2026, 0, 1),
  });
  return async (body, search = '') => answered(await work.run({ body: Buffer.from(body), search }));
}

function answered(answer: DeIdentifyAnswer): Answered {
  if ('failure' in answer) {
    const { code, message } = answer.failure;
    return { status: code === 'internal' ? 500 : 400, text: message, issues: [] };
  }
  const { issues } = answer;
  if ('status' in answer) return { status: answer.status, text: JSON.stringify(issues), issues };
  return { status: 200, text: Buffer.from(answer.body).toString('utf8'), issues };
}

/** The body that asks for a resource by parameters. */
export function parameters(...parameter: object[]): string {
  return JSON.stringify({ resourceType: 'Parameters', parameter });
}
