import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { licencesOf } from '../../infra/tools/console/licences.js';
import { PROJECT_ROOT } from '../../local/paths.js';

it('the console brings the licences of the packages that are in its scripts', () => {
  const text = readFileSync(join(PROJECT_ROOT, 'dist/console/licences.txt'), 'utf8');
  for (const name of ['preact', '@codemirror/view', '@noble/hashes', '@azure/msal-browser', 'yaml']) {
    expect(text).toContain(`${name} `);
  }
  expect(text.match(/Permission is hereby granted, free of charge/g)?.length).toBeGreaterThan(10);
});

it('what is not of a package has no licence of its own, and each package is there once', () => {
  const modules = [
    'node_modules/preact/dist/preact.mjs',
    'node_modules/preact/hooks/dist/hooks.mjs',
    'console/shared/a.ts',
  ];
  const text = licencesOf(
    PROJECT_ROOT,
    modules.map((path) => join(PROJECT_ROOT, path)),
  );
  expect(text.match(/^preact /gm)).toHaveLength(1);
});
