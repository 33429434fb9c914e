import type { IssueList } from './issues.js';
import type { FhirModel } from './model/fhirModel.js';
import type { Rule } from './rule.js';

export function checkPath(_rule: Rule, _model: FhirModel, _issues: IssueList): void {}
