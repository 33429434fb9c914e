import { vi } from 'vitest';
import { SYSTEM_CLOCK } from '../../../cli/export/clock.js';
import { exportData } from '../../../cli/export.js';
import { KICK_OFF_OPTIONS } from '../../../cli/export/kickOffOptions.js';
import { readArguments } from '../../../cli/command.js';

const OPTIONS = {
  base: { value: 'URL', description: '' },
  output: { value: 'FOLDER', description: '' },
  ...KICK_OFF_OPTIONS,
  resume: { value: 'URL', description: '' },
  cancel: { value: 'URL', description: '' },
  parallel: { value: 'N', description: '' },
};

/** Runs `fhir-deid export` in this process, with what it writes. */
export async function runExport(
  args: readonly string[],
  environment: Record<string, string> = {},
  clock = SYSTEM_CLOCK,
): Promise<{ code: number; out: string }> {
  const written: string[] = [];
  const take = (text: unknown): boolean => written.push(String(text)) > 0;
  vi.spyOn(console, 'log').mockImplementation(take);
  vi.spyOn(console, 'error').mockImplementation(take);
  vi.spyOn(process.stderr, 'write').mockImplementation(take);
  try {
    const command = { name: 'export', summary: '', options: OPTIONS, run: async () => 0 };
    const given = readArguments(command, args);
    if (given === 'help') throw new Error('Help was not asked for.');
    const code = await exportData({ ...given, environment }, clock);
    return { code, out: written.join('\n') };
  } finally {
    vi.restoreAllMocks();
  }
}
