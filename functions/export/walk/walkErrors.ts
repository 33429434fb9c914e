import { ExportError } from '../../common/errors.js';
import { safeName } from '../source/honored.js';

export function unverifiable(type: string): ExportError {
  return new ExportError(
    'source-unverifiable',
    `A ${type} resource of the source has no id or no readable meta.lastUpdated, so it is not known whether it belongs to this export. Let the source fill both, or leave ${type} out with _type.`,
  );
}

export function ignored(type: string, parameter: string, retryable = false): ExportError {
  return new ExportError(
    'source-ignored-parameter',
    `The source ignored ${parameter} in a search for ${type} although its first answers showed that it knows it, so the export would hold too much or too little. Check the source's search on ${parameter}.`,
    retryable,
  );
}

export function ignoredSearch(type: string, parameter: string): ExportError {
  return new ExportError(
    'source-ignored-parameter',
    `The source ignored ${safeName(parameter)} in a search for ${type}: its self link does not name it. The export would hold more than was asked for. Leave it out of _typeFilter, or let the source support it.`,
  );
}

export function inexact(type: string): ExportError {
  return new ExportError(
    'source-unverifiable',
    `The source leaves out ${type} resources that lie within the bounds of a search by _lastUpdated, even where these reach back by more than a second, so some would be missing. Correct the source's search by _lastUpdated, or leave ${type} out with _type.`,
  );
}

export function tooDense(type: string): ExportError {
  return new ExportError(
    'source-unverifiable',
    `The bounds of the source's searches by _lastUpdated are good to the second only, and more ${type} resources were updated within a second than one of its pages holds. Raise PAGE_SIZE, let the source give larger pages, or correct its search by _lastUpdated.`,
  );
}

export function tooManyTied(type: string, count: number, most: number): ExportError {
  return new ExportError(
    'source-unverifiable',
    `${count} ${type} resources share one meta.lastUpdated, more than the ${most} that can be read without losing or doubling any. Raise PAGE_SIZE to as many, or import them at the source in smaller parts.`,
  );
}

export function endsEarly(type: string): ExportError {
  return new ExportError(
    'source-unverifiable',
    `The source counts more ${type} resources than its pages hold, so some would be missing. Raise PAGE_SIZE, see why its next links end early, or what hides some from the app, as a consent may.`,
  );
}

export function mayEnd(type: string): ExportError {
  return new ExportError(
    'source-unverifiable',
    `The source filled a page of ${type}, neither sorts nor links to a next page, and reports no total, so it is not known whether that is all. Set PAGE_SIZE to another number, or let the source have next links.`,
  );
}

export function partsMissing(type: string): ExportError {
  return new ExportError(
    'source-unverifiable',
    `The source counts more ${type} resources than the parts of their time gave together, so some lie in none of them: its bounds of _lastUpdated leave some out. Correct its search by _lastUpdated, or leave ${type} out with _type.`,
  );
}
