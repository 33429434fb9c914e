import { type ApprovalRule, coverageSentence } from '../../export/request/approval.js';
import type { ConfigurationOfJob } from '../../export/records/job.js';
import { errorIssue } from '../../fhir/operationOutcome.js';
import type { Settings } from '../../settings/settings.js';
import { RequestError } from '../respond.js';
import { type Caller, requireRaw } from './caller.js';

/**
 * Checks that what an export would hold is what its caller may have and asks for. What a configuration that does not
 * count as de-identification exports is raw data, as an export without one is.
 * @param configuration `undefined`: none
 * @param asksRaw whether the request says `_raw=true`
 * @throws RequestError 403 that names what is missing; 400 where raw data is asked for of a configuration that counts
 */
export function permitConfiguration(
  configuration: ConfigurationOfJob | undefined,
  asksRaw: boolean,
  caller: Caller,
  settings: Pick<Settings, 'allowRawExport' | 'approval' | 'defaultConfiguration'>,
): void {
  if (configuration === undefined) {
    if (!settings.allowRawExport) throw withoutConfiguration(settings.defaultConfiguration !== undefined);
    return;
  }
  if (configuration.approval !== undefined) {
    if (!asksRaw) return;
    throw new RequestError(400, [
      errorIssue(
        'invalid',
        '_raw=true asks for data with identities, and _anonymizationConfig names a configuration that counts as de-identification here: leave one of them out.',
        '_raw',
      ),
    ]);
  }
  const why = whyNotApproved(configuration, settings.approval.rule);
  if (!settings.allowRawExport) {
    throw refused(
      `${why} What it exports is raw data, and raw export is not allowed here.`,
      '_anonymizationConfig',
    );
  }
  requireRaw(caller);
  if (caller.kind === 'unknown' && !asksRaw) {
    throw refused(`${why} What it exports is raw data: ask for that with _raw=true.`, '_raw');
  }
}

/** Why a configuration does not count as de-identification under a rule, and what would change that. */
export function whyNotApproved(
  { name, digest, coverage }: Pick<ConfigurationOfJob, 'name' | 'digest' | 'coverage'>,
  rule: ApprovalRule,
): string {
  const does = `The configuration ${name} does not count as de-identification here`;
  const listed = `its digest ${digest} listed in CONFIGURATION_DIGESTS`;
  if (rule === 'digest' || coverage === undefined) return `${does}: have ${listed}.`;
  return `${does}. ${coverageSentence(coverage)}. Complete its coverage, or have ${listed}.`;
}

function withoutConfiguration(hasDefault: boolean): RequestError {
  return refused(
    `An export without a configuration would hold identities, and raw export is not allowed here. ${
      hasDefault
        ? 'Leave out _raw: then the default configuration is used.'
        : 'Give _anonymizationConfig and _container, or set ALLOW_RAW_EXPORT to true.'
    }`,
    hasDefault ? '_raw' : '_anonymizationConfig',
  );
}

function refused(message: string, expression: string): RequestError {
  return new RequestError(403, [errorIssue('forbidden', message, expression)]);
}
