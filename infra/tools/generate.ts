import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { PROJECT_ROOT } from '../../local/paths.js';
import { generatedFiles } from './generated.js';

// `npm run generate`: after a change of settings, parameters, roles, FHIRPath functions or facts of FHIR.
for (const [path, text] of await generatedFiles(PROJECT_ROOT)) {
  const file = join(PROJECT_ROOT, path);
  const isMarkdown = path.endsWith('.md');
  writeFileSync(
    file,
    isMarkdown ? await format(text, { ...(await resolveConfig(file)), filepath: file }) : text,
  );
  console.log(path);
}
