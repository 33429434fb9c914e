import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startStack } from '../../local/stack.js';

it('the stack refuses an unknown FHIR version before it starts anything', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'stack-'));
  const LOCAL_DATA = join(directory, 'data');
  const started = startStack({ environment: { FHIR_VERSION: 'R7', LOCAL_DATA } });
  await expect(started).rejects.toThrow(/^FHIR_VERSION must be one of STU3, R4, R4B, R5\.$/);
  expect(existsSync(LOCAL_DATA)).toBe(false);
  rmSync(directory, { recursive: true });
});
