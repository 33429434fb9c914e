import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobResource } from './runJob.js';

/** All resources of a folder of sample data. */
export function sampleResources(directory: string): JobResource[] {
  return readdirSync(directory).flatMap((file) =>
    readFileSync(join(directory, file), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as JobResource),
  );
}
