import type { SafeFailure } from '../common/errors.js';

/** A step that may fail for good without a throw, so that the orchestrator decides what follows. */
export type StepResult<T> = { ok: true; value: T } | { ok: false; failure: SafeFailure };
