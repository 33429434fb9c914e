import { APPROVAL_RULES, type ApprovalPolicy, type ApprovalRule } from '../export/request/approval.js';
import { isDigest } from '../export/request/ociReference.js';
import type { Authentication } from './authorizationSettings.js';

/** Rows of the settings table. */
export const approvalDefinitions = [
  {
    name: 'CONFIGURATION_APPROVAL',
    unit: '',
    default: '',
    bounds: APPROVAL_RULES.join(', '),
    meaning:
      'Which configurations count as de-identification; what others export is raw data. `container`: all that can be read, since whoever can write container `anonymization` or a registry of `ANONYMIZATION_REGISTRIES` approves; `coverage`: those whose coverage is complete, and those of `CONFIGURATION_DIGESTS`; `digest`: the latter alone. Unless set: `coverage` with `entra` and `smart`, `container` with `function-keys` and `none`.',
  },
  {
    name: 'CONFIGURATION_DIGESTS',
    unit: '',
    default: '',
    bounds: '`sha256:…`, comma-separated',
    meaning:
      'SHA-256 digests of configuration files that count as de-identification whatever they leave, as manifests and kick-offs name them.',
  },
] as const;

const [{ name: RULE }, { name: DIGESTS }] = approvalDefinitions;

/** Reads which configurations count as de-identification; what is wrong is added to `problems`. */
export function readApprovalSettings(
  environment: Readonly<Record<string, string | undefined>>,
  way: Authentication['way'],
  problems: string[],
): ApprovalPolicy {
  const given = environment[RULE]?.trim().toLowerCase() ?? '';
  const rule = given === '' ? defaultRule(way) : APPROVAL_RULES.find((known) => known === given);
  if (rule === undefined) problems.push(`${RULE} must be one of ${APPROVAL_RULES.join(', ')}`);
  const digests = (environment[DIGESTS] ?? '')
    .split(',')
    .map((part) => part.trim().toLowerCase())
    .filter((part) => part !== '');
  if (!digests.every(isDigest)) {
    problems.push(
      `${DIGESTS} must be digests of configurations, sha256: and 64 hexadecimal digits, separated by commas`,
    );
  }
  if (rule === 'digest' && digests.length === 0) {
    problems.push(`${RULE} is digest, but ${DIGESTS} lists none, so no configuration could be used`);
  }
  return { rule: rule ?? 'digest', digests: new Set(digests) };
}

/** Where callers are told apart, one may pick what another wrote; else nobody is kept from anything by who it is. */
function defaultRule(way: Authentication['way']): ApprovalRule {
  return way === 'entra' || way === 'smart' ? 'coverage' : 'container';
}
