import { flag, integer, type Values, variants } from './setting.js';

/** The operation `$de-identify`: off, or on within bounds. */
export type DeIdentifySettings = Values<{ operation: typeof DE_IDENTIFY }>['operation'];

/** Its bounds, where it is on. */
export type DeIdentifyLimits = Extract<DeIdentifySettings, { method: 'on' }>;

export const DE_IDENTIFY = variants(
  'DE_IDENTIFY',
  'off',
  'Whether `POST [base]/$de-identify` answers with the de-identified form of what is sent. It takes a permission of its own: see [The operation `$de-identify`](de-identify-operation.md).',
  {
    off: {},
    on: {
      anyCaller: flag(
        'DE_IDENTIFY_ANY_CALLER',
        'Whether everybody may use it whom `AUTHENTICATION` lets in, with `function-keys` and `none`, where callers are not distinguished. With these it is on only if this is true.',
      ),
      maxMebibytes: integer(
        'DE_IDENTIFY_MAX_MEBIBYTES',
        { default: 4, min: 1, max: 16, unit: 'MiB' },
        'Largest body of a request; a larger one is 413.',
      ),
      maxPerMinute: integer(
        'DE_IDENTIFY_REQUESTS_PER_MINUTE',
        { default: 600, min: 1, max: 60_000, unit: 'requests' },
        'Requests of one caller that one instance answers in a minute; one beyond is 429 with `Retry-After`.',
      ),
      maxParallel: integer(
        'DE_IDENTIFY_PARALLEL',
        { default: 4, min: 1, max: 16, unit: 'requests' },
        'Requests of one caller that one instance works on at the same time; one beyond is 429 with `Retry-After`.',
      ),
    },
  },
);
