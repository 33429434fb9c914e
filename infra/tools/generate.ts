import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { PROJECT_ROOT } from '../../local/paths.js';
import { generatedFiles } from './generated.js';
import { programModules } from './webAssembly.js';

// `npm run generate`: after a change of settings, parameters, roles, FHIRPath functions, facts of FHIR, or of `wasm/`.
const files = [...(await generatedFiles(PROJECT_ROOT)), ...(await programModules(PROJECT_ROOT))];
for (const [path, text] of files) {
  const file = join(PROJECT_ROOT, path);
  const isMarkdown = path.endsWith('.md');
  writeFileSync(
    file,
    isMarkdown ? await format(text, { ...(await resolveConfig(file)), filepath: file }) : text,
  );
  console.log(path);
}
