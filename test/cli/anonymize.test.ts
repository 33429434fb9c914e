import { createHash } from 'node:crypto';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COMMAND = join(ROOT, 'dist', 'cli', 'fhirDeid.js');

let folder = '';

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

function run(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], {
    encoding: 'utf8',
    cwd: folder,
    env: { ...process.env, ANONYMIZATION_SECRET_HASH_KEY: 'h', OLD_NAME: 'k' },
  });
  return { code: status, out: stdout, err: stderr };
}

const CONFIGURATION = {
  processingErrors: 'skip',
  fhirPathRules: [
    { path: 'Resource.id', method: 'cryptoHash' },
    { path: 'Patient.name', method: 'redact' },
    { path: 'Patient.birthDate', method: 'dateShift' },
    { path: 'Patient.telecom.where(value > 5)', method: 'redact' },
  ],
  parameters: { dateShiftScope: 'file', dateShiftKey: 'k', cryptoHashKey: { secretName: 'HASH_KEY' } },
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'anonymize-'));
  if (!existsSync(COMMAND)) execFileSync('npx', ['tsc', '-p', 'tsconfig.json'], { cwd: ROOT });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const patient = (id: string): string =>
  `{"resourceType":"Patient","id":"${id}","name":[{"family":"Chalmers"}],"birthDate":"1980-01-01"}`;

describe('files on the command line', () => {
  it('folders, NDJSON, JSON and Bundles, in one thread or several, give the same files', () => {
    const config = write('config.json', JSON.stringify(CONFIGURATION));
    write('in/a.ndjson', `${patient('1')}\n\n${patient('2')}\r\n`);
    write('in/deep/er/b.json', `\ufeff{\n"resourceType":"Bundle","entry":[{"resource":${patient('3')}}]}`);
    write('in/c.json', patient('4'));
    write('in/notes.txt', 'Chalmers');
    for (const [out, jobs] of [
      ['out1', '1'],
      ['out2', '3'],
    ] as const) {
      const {
        code,
        out: summary,
        err,
      } = run(
        'anonymize',
        '--config',
        config,
        '--input',
        'in',
        '--output',
        out,
        '--jobs',
        jobs,
        '--now',
        '2026-01-01T00:00:00Z',
      );
      expect({
        code,
        errors: err.split('\n').filter((line) => line !== '' && !line.startsWith('warning:')),
      }).toEqual({ code: 0, errors: [] });
      expect(summary).toMatch(/files: 3 written of 3[\s\S]*resources: 4[\s\S]*REDACTED: 4[\s\S]*errors: 0/);
      expect(readdirSync(join(folder, out), { recursive: true }).map(String).sort()).toEqual([
        'a.ndjson',
        'c.json',
        'deep',
        'deep/er',
        'deep/er/b.json',
      ]);
    }
    for (const file of ['a.ndjson', 'c.json', 'deep/er/b.json']) {
      const text = readFileSync(join(folder, 'out1', file), 'utf8');
      expect(readFileSync(join(folder, 'out2', file), 'utf8')).toBe(text);
      expect(text).not.toContain('Chalmers');
    }
    const lines = readFileSync(join(folder, 'out1/a.ndjson'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { birthDate: string });
    expect(lines).toHaveLength(2);
    expect(lines[0]?.birthDate).toBe(lines[1]?.birthDate);
  });

  it('errors in the data are listed by line, without their content: exit code 1', () => {
    const config = write('config.json', JSON.stringify(CONFIGURATION));
    write(
      'bad.ndjson',
      [
        patient('1'),
        '{"resourceType":"Patient","name":"Chalmers',
        '{"resourceType":"Chalmers"}',
        '{"resourceType":"Patient","telecom":[{"value":"Chalmers"}]}',
      ].join('\n'),
    );
    const { code, out, err } = run(
      'anonymize',
      '--config',
      config,
      '--input',
      'bad.ndjson',
      '--output',
      'bad-out.ndjson',
    );
    expect(code).toBe(1);
    expect(err).toMatch(
      /bad\.ndjson:2: Not JSON[\s\S]*bad\.ndjson:3: Not a resource[\s\S]*bad\.ndjson:4: .*\(fhirPathRules\[3\]\)/,
    );
    expect(err + out).not.toContain('Chalmers');
    expect(readFileSync(join(folder, 'bad-out.ndjson'), 'utf8').trim().split('\n')).toHaveLength(1);
  });

  it('with processingErrors raise a file with an error is not written', () => {
    const config = write('raise.json', JSON.stringify({ ...CONFIGURATION, processingErrors: 'raise' }));
    write('one.ndjson', `${patient('1')}\n{"resourceType":"X"}\n`);
    expect(
      run('anonymize', '--config', config, '--input', 'one.ndjson', '--output', 'one-out.ndjson').code,
    ).toBe(1);
    expect(readdirSync(folder).filter((name) => name.startsWith('one-out'))).toEqual([]);
  });

  it('a file of which no resource is left is not written, and counted by why', () => {
    write('broken/cut.json', '{"resourceType":"Patient","name":"Chalmers');
    write('broken/cut.ndjson.gz', gzipSync('{"resourceType":"Patient","name":"Chalmers\n'));
    write('broken/empty.json', '');
    write('broken/half.ndjson', `${patient('1')}\n{"resourceType":"Chalmers"}\n`);
    write('broken/none.ndjson', '');
    write('broken/torn.json.gz', 'no gzip');
    for (const [processingErrors, files, why] of [
      ['skip', ['half.ndjson', 'none.ndjson'], { 'all that it has are errors': 3 }],
      ['raise', ['none.ndjson'], { 'it has an error, and the configuration says processingErrors raise': 4 }],
    ] as const) {
      const config = write('config.json', JSON.stringify({ ...CONFIGURATION, processingErrors }));
      const into = `broken-${processingErrors}`;
      const { code, out, err } = run('anonymize', '--config', config, '--input', 'broken', '--output', into);
      expect(readdirSync(join(folder, into)).sort()).toEqual(files);
      const reasons = { ...why, 'its end was not reached': 1 };
      const lines = Object.entries(reasons).map(([reason, count]) => `  ${reason}: ${count}\n`);
      expect(out).toContain(
        `files: ${files.length} written of 6\nfiles not written, by reason:\n${lines.join('')}`,
      );
      expect([code, out + err]).toEqual([1, expect.not.stringContaining('Chalmers')]);
    }
  });

  describe('with results that are not valid FHIR', () => {
    const observation = (status: string): string =>
      `{"resourceType":"Observation",${status}"code":{"text":"x"},"issued":"2015-02-07T13:28:17Z"}`;
    const INPUT = [observation('"status":"final",'), observation(''), observation('"status":"final",')];
    const anonymize = (name: string, ...options: string[]): ReturnType<typeof run> => {
      const config = write('valid.json', JSON.stringify({ processingErrors: 'skip', fhirPathRules: [] }));
      write('valid.ndjson', INPUT.map((line) => `${line}\n`).join(''));
      return run('anonymize', '--config', config, '--input', 'valid.ndjson', '--output', name, ...options);
    };
    const lines = (name: string): number =>
      readFileSync(join(folder, name), 'utf8').trimEnd().split('\n').length;

    it('says nothing of it unless asked', () => {
      const { code, out } = anonymize('valid-1.ndjson');
      expect(code).toBe(0);
      expect(out).not.toContain('valid FHIR');
      expect(lines('valid-1.ndjson')).toBe(3);
    });

    it.each([['--validate-output'], ['--validate-output=report']])('counts them with %s', (option) => {
      const { code, out } = anonymize('valid-2.ndjson', option, '--report', 'valid-report.json');
      expect(code).toBe(0);
      expect(out).toMatch(
        /^valid FHIR: 2 of 3\nwhat is not valid, by element and reason:\n {2}Observation\.status required: 1\n/m,
      );
      expect(lines('valid-2.ndjson')).toBe(3);
      expect(JSON.parse(readFileSync(join(folder, 'valid-report.json'), 'utf8'))).toMatchObject({
        fhirVersion: 'R4',
        files: 1,
        resources: 3,
        errors: 0,
        notValid: 1,
        types: [
          {
            type: 'Observation',
            written: 3,
            content: {
              notValid: 1,
              problems: { 'Observation.status required': 1 },
              elements: { code: 3, issued: 3, status: 2 },
              dates: { timeWithOffset: 3 },
            },
          },
        ],
      });
    });

    it('leaves them out, as errors, with refuse', () => {
      const { code, out, err } = anonymize('valid-3.ndjson', '--validate-output=refuse');
      expect(code).toBe(1);
      expect(err).toMatch(/^valid\.ndjson:2: .*Observation\.status required/m);
      expect(out).toMatch(/^valid FHIR: 2 of 2\nerrors: 1$/m);
      expect(lines('valid-3.ndjson')).toBe(2);
    });
  });

  describe('of other names and forms', () => {
    const anonymize = (input: string, output: string): ReturnType<typeof run> =>
      run(
        'anonymize',
        '--config',
        write('config.json', JSON.stringify(CONFIGURATION)),
        '--input',
        input,
        '--output',
        output,
      );
    const linesOf = (file: string): string[] =>
      (file.endsWith('.gz') ? gunzipSync(readFileSync(join(folder, file))) : readFileSync(join(folder, file)))
        .toString()
        .trimEnd()
        .split('\n');

    it('are read: .jsonl, compressed files, JSON over several lines; the rest is left aside and counted', () => {
      const pretty = JSON.stringify(JSON.parse(patient('5')), null, 2);
      write('kinds/a.jsonl', `${patient('1')}\n${patient('2')}`);
      write('kinds/b.NDJSON.gz', gzipSync(`${patient('3')}\n${patient('4')}\n`));
      write('kinds/c.json.gz', gzipSync(pretty));
      write('kinds/d.json', pretty);
      write('kinds/e.ndjson', `\ufeff${pretty}\n`);
      write('kinds/f.txt', patient('6'));
      write('kinds/deep/g.tar.gz', gzipSync('Chalmers'));
      write('kinds/README', 'Chalmers');
      const { code, out } = anonymize('kinds', 'kinds-out');
      expect(code).toBe(0);
      expect(out).toMatch(
        /files: 5 written of 5\nfiles left aside, by ending: .*\.gz:\n(?:  .*: 1\n){3}resources: 7/,
      );
      for (const ending of ['.txt', '.tar.gz', 'no ending']) expect(out).toContain(`  ${ending}: 1\n`);
      const counts = { 'a.jsonl': 2, 'b.NDJSON.gz': 2, 'c.json.gz': 1, 'd.json': 1, 'e.ndjson': 1 };
      for (const [file, count] of Object.entries(counts))
        expect(linesOf(`kinds-out/${file}`), file).toHaveLength(count);
      expect(readFileSync(join(folder, 'kinds-out/b.NDJSON.gz')).subarray(0, 2)).toEqual(
        Buffer.from([0x1f, 0x8b]),
      );
    });

    it('a line ends at a line feed only', () => {
      const text = (end: string): string => `{"resourceType":"Patient","gender":"a${end}b"}`;
      write('breaks.ndjson', ['\u2028', '\u2029', '\u0085'].map(text).join('\n'));
      expect(anonymize('breaks.ndjson', 'breaks-out.ndjson').code).toBe(0);
      expect(linesOf('breaks-out.ndjson')).toHaveLength(3);
    });

    it.each<[string, string, string | Uint8Array, RegExp]>([
      ['gzip that is named JSON', 'zip.json', gzipSync(patient('1')), /zip\.json:1: Not JSON: it is gzip/],
      ['gzip that is named NDJSON', 'zip.ndjson', gzipSync(patient('1')), /it is gzip/],
      ['no gzip', 'no.ndjson.gz', patient('1'), /not gzip, or not complete/],
      [
        'gzip that was cut',
        'cut.ndjson.gz',
        gzipSync(patient('1').repeat(99)).subarray(0, 40),
        /not complete/,
      ],
    ])('%s is an error, and nothing is written', (_, file, content, message) => {
      write(file, content);
      const { code, err, out } = anonymize(file, `not-${file}`);
      expect(err).toMatch(message);
      expect(code).toBe(1);
      expect(out + err).not.toContain('Chalmers');
    });

    it('a run that writes nothing of what it found does not end as if all were done', () => {
      write('others/a.xml', '<Patient/>');
      mkdirSync(join(folder, 'empty'), { recursive: true });
      for (const input of ['others', 'empty']) {
        const { code, err } = anonymize(input, 'others-out');
        expect([code, err]).toEqual([1, expect.stringContaining(`Nothing of ${input} was written`)]);
      }
    });

    it('what is wrong with a whole file is said without a line, and its name does nothing to a terminal', () => {
      write('torn/\u001b[31mZürich\n.ndjson.gz', 'no gzip');
      const { code, err } = anonymize('torn', 'torn-out');
      expect([code, err]).toEqual([
        1,
        expect.stringContaining(
          '\ntorn/?[31mZürich?.ndjson.gz: The file is not gzip, or not complete: Z_DATA_ERROR\nNothing of torn was written.\n',
        ),
      ]);
    });

    it('an output that cannot be made is an error of its file, and the others are written', () => {
      write('some/a/a.ndjson', patient('1'));
      write('some/b.ndjson', patient('2'));
      write('some-out/a', 'a file where a folder has to be');
      const { code, out, err } = anonymize('some', 'some-out');
      expect([code, out, err]).toEqual([
        1,
        expect.stringContaining('files: 1 written of 2'),
        expect.stringMatching(
          /^some\/a\/a\.ndjson: The file could not be read or its result not be written: E(?:EXIST|NOTDIR): [a-z ]+$/m,
        ),
      ]);
    });

    it('bytes that are not UTF-8 are an error of their line: two ids do not become one', () => {
      const latin1 = (id: string): Buffer => Buffer.from(`${patient(id)}\n`, 'latin1');
      write(
        'latin1.ndjson',
        Buffer.concat([latin1('Jos\u00e9'), latin1('Jos\u00e8'), Buffer.from(`${patient('é')}\n`)]),
      );
      const { code, err } = anonymize('latin1.ndjson', 'latin1-out.ndjson');
      expect(code).toBe(1);
      expect(err).toMatch(/latin1\.ndjson:1: Not JSON: Not UTF-8 at character 35\n.*:2: Not JSON: Not UTF-8/);
      expect(linesOf('latin1-out.ndjson')).toHaveLength(1);
    });
  });

  it.each<[string, string[], RegExp]>([
    ['no configuration', ['anonymize'], /^--config is required\./],
    ['no output', ['anonymize', '--config', 'config.json', '--input', 'in'], /^--output is required\./],
    ['an unknown option', ['anonymize', '--config', 'config.json', '--oops'], /^Unknown option '--oops'\.\n/],
    ['an option without value', ['anonymize', '--config'], /^Option '--config <value>' argument missing\.\n/],
    [
      'a word that is no option',
      ['anonymize', 'in', '--config', 'c', '--input', 'i', '--output', 'o'],
      /options only, and no in\./,
    ],
    [
      'a missing configuration',
      ['validate', 'nowhere.json'],
      /^The configuration nowhere\.json cannot be read \(ENOENT: there is no such file or folder\)\.$/m,
    ],
    [
      'a folder as a configuration',
      ['validate', 'in'],
      /^The configuration in cannot be read \(EISDIR: it is a folder\)\.$/m,
    ],
    [
      'a configuration without text',
      ['validate', 'blank.json'],
      /^The configuration blank\.json is empty\.$/m,
    ],
    [
      'a configuration that is not UTF-8',
      ['validate', 'utf16.json'],
      /^The configuration utf16\.json is not UTF-8 text\. Save it as UTF-8\.$/m,
    ],
    [
      'a wrong configuration',
      ['validate', 'wrong.json'],
      /error: fhirPathRules\[0\]\.method \(line 1, column 37\): Unknown method[^]*has an error/,
    ],
    [
      'a wrong configuration, by the same words for anonymize',
      ['anonymize', '--config', 'wrong.json', '--input', 'in', '--output', 'o'],
      /error: fhirPathRules\[0\]\.method \(line 1, column 37\): Unknown method[^]*has an error/,
    ],
    [
      'a missing input',
      ['anonymize', '--config', 'config.json', '--input', 'nowhere', '--output', 'o'],
      /does not exist/,
    ],
    [
      'an output that is the input',
      ['anonymize', '--config', 'config.json', '--input', 'in', '--output', 'in'],
      /would overwrite an input/,
    ],
    [
      'an output that leads to the input',
      ['anonymize', '--config', 'config.json', '--input', 'in', '--output', 'x/../in'],
      /would overwrite an input/,
    ],
    [
      'an output within the input',
      ['anonymize', '--config', 'config.json', '--input', 'in', '--output', 'in/results/first'],
      /^The output in\/results\/first is within the input, so the next run would read it, too\. Name a folder beside it\.$/m,
    ],
    [
      'a report in no folder',
      [
        'anonymize',
        '--config',
        'config.json',
        '--input',
        'in',
        '--output',
        'o',
        '--report',
        'no/report.json',
      ],
      /^The report no\/report\.json cannot be written \(ENOENT: there is no such file or folder\)\.$/m,
    ],
    [
      'a wrong version',
      ['validate', 'config.json', '--fhir-version', 'R7'],
      /^--fhir-version must be one of STU3, R4, R4B, R5/,
    ],
    [
      'a wrong number of jobs',
      ['anonymize', '--config', 'config.json', '--input', 'in', '--output', 'o', '--jobs', '0'],
      /^--jobs must be a whole number from 1 to 64\./,
    ],
    [
      'another validation',
      ['anonymize', '--config', 'config.json', '--input', 'in', '--output', 'o', '--validate-output=yes'],
      /^--validate-output must be report or refuse\./,
    ],
    [
      'a key that is not set',
      ['anonymize', '--config', 'secret.json', '--input', 'in', '--output', 'o'],
      /^ANONYMIZATION_SECRET_NO_SUCH_SECRET is not set\.$/m,
    ],
    [
      'a key under its former name',
      ['anonymize', '--config', 'old.json', '--input', 'in', '--output', 'o'],
      /^ANONYMIZATION_SECRET_OLD_NAME is not set\. OLD_NAME is set, and no longer read for this/m,
    ],
    [
      'a key that does not fit',
      ['anonymize', '--config', 'short.json', '--input', 'in', '--output', 'o'],
      /'HASH_KEY' must be 16, 24 or 32 bytes[^]*does not fit/,
    ],
  ])('%s: exit code 2', (_, args, message) => {
    const keyed = (secretName: string): string =>
      JSON.stringify({ fhirPathRules: [], parameters: { encryptKey: { secretName } } });
    write('config.json', JSON.stringify(CONFIGURATION));
    write('wrong.json', '{"fhirPathRules":[{"path":"Patient","method":"x"}]}');
    write('secret.json', keyed('NO_SUCH_SECRET'));
    write('old.json', keyed('OLD_NAME'));
    write('short.json', keyed('HASH_KEY'));
    write('blank.json', '');
    write('utf16.json', Buffer.from('\ufeff{}', 'utf16le'));
    write('in/c.json', patient('4'));
    const { code, err } = run(...args);
    expect(err).toMatch(message);
    // What the arguments are follows a mistake in them alone: it would hide what is wrong with a file.
    const isArgument = /^(?:--(?!fhir)|Unknown option|Option |anonymize takes)/.test(err);
    expect(err.includes('Exit codes:')).toBe(isArgument);
    expect(code).toBe(2);
    expect(readFileSync(join(folder, 'in/c.json'), 'utf8')).toBe(patient('4'));
    expect(existsSync(join(folder, 'o'))).toBe(false);
  });

  it('one line says what the rules leave, without validate', () => {
    write('in/c.json', patient('4'));
    const config = write('config.json', JSON.stringify(CONFIGURATION));
    const { code, out, err } = run('anonymize', '--config', config, '--input', 'in', '--output', 'covered');
    expect([code, err]).toEqual([0, expect.not.stringContaining('Coverage')]);
    expect(out.split('\n')[0]).toMatch(
      /^The configuration may leave identities, which fhir-deid validate lists: names, .*contacts, .*\.$/,
    );
  });

  it('validate checks the configuration and lists what no rule clears', () => {
    const config = write('config.json', JSON.stringify(CONFIGURATION));
    const { code, out, err } = run('validate', config);
    const digest = createHash('sha256').update(JSON.stringify(CONFIGURATION)).digest('hex');
    expect([code, out.trim().split('\n')]).toEqual([
      0,
      [
        `The digest of the configuration is sha256:${digest}.`,
        'The configuration may leave identities: see the warnings.',
        'The configuration has no errors.',
      ],
    ]);
    expect(err).toMatch(
      /warning: fhirPathRules: Coverage, telephone.*: no rule clears Patient\.contact\.telecom/,
    );
  });

  it('a configuration that extends a sample is checked and used together with it', () => {
    const config = write(
      'extends.yaml',
      'extends: hipaa-safe-harbor-r5@1\nparameters: {strictZipCodes: null}\n',
    );
    const { code, out, err } = run('validate', config);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('The coverage of the configuration is complete.');
    const input = write(
      'extended.ndjson',
      `${JSON.stringify({ resourceType: 'Patient', birthDate: '1980-02-03' })}\n`,
    );
    expect(
      run('anonymize', '--config', config, '--input', input, '--output', join(folder, 'extended-out')).code,
    ).toBe(0);
    expect(readFileSync(join(folder, 'extended-out'), 'utf8')).toContain('"birthDate":"1980"');
  });
});
