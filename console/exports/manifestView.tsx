import type { JSX } from 'preact';
import type { Desk, ShownJob } from './desk.js';
import { Notes } from './part.js';
import type { ManifestFile, ShownManifest } from './manifest.js';
import { counted, plain } from './words.js';

interface ManifestProps {
  readonly desk: Desk;
  readonly shown: ShownJob;
  readonly manifest: ShownManifest;
}

const KINDS: Readonly<Record<ManifestFile['kind'], string>> = {
  output: '',
  deleted: 'of what was deleted',
  error: 'of problems',
};

/** The manifest of a complete export: facts, notes, problems and files. */
export function ManifestView({ desk, shown, manifest }: ManifestProps): JSX.Element {
  const { facts, notes, files, transactionTime, reports } = manifest;
  return (
    <>
      <dl class="facts">
        {transactionTime !== undefined && (
          <Fact name="As of (the next Changed since)" value={transactionTime} />
        )}
        {facts.map(([name, value]) => (
          <Fact key={name} name={name} value={value} />
        ))}
      </dl>
      {notes.length > 0 && (
        <>
          <h3>Notes</h3>
          <Notes of={notes} />
        </>
      )}
      <Problems desk={desk} shown={shown} files={files} />
      <h3>Files</h3>
      <div class="scroll" tabIndex={0} role="region" aria-label="Files of the export">
        <table>
          <thead>
            <tr>
              <th scope="col">Type</th>
              <th scope="col">Lines</th>
              <th scope="col">File</th>
            </tr>
          </thead>
          <tbody>
            {[...files, ...reports].map((file) => (
              <tr key={`${file.kind} ${file.name}`}>
                <td>
                  <bdi>{file.type}</bdi> {KINDS[file.kind]}
                </td>
                <td class="number">{file.count?.toLocaleString('en') ?? ''}</td>
                <td>
                  <FileLink desk={desk} shown={shown} file={file} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {files.length === 0 && <p class="quiet">There is no file: nothing was found.</p>}
    </>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <bdi>{value}</bdi>
      </dd>
    </div>
  );
}

/** What the app left out, in words, once it is asked for. */
function Problems({
  desk,
  shown,
  files,
}: Pick<ManifestProps, 'desk' | 'shown'> & { readonly files: readonly ManifestFile[] }): JSX.Element | null {
  const errors = files.filter(({ kind }) => kind === 'error');
  if (errors.length === 0) return null;
  const count = errors.reduce((sum, file) => sum + (file.count ?? 0), 0);
  // What lies in storage is read by its link alone: the page speaks to its app.
  const isReadable = errors.every(({ link }) => link === undefined);
  return (
    <>
      <h3>Problems</h3>
      <p>{counted(count, 'problem')}: what they are about may be missing.</p>
      {shown.problems !== undefined ? (
        <Notes of={shown.problems} />
      ) : isReadable ? (
        <button
          type="button"
          onClick={() =>
            void desk.readProblems(
              shown.job.id,
              errors.map(({ name }) => name),
            )
          }
        >
          Read the problems
        </button>
      ) : (
        <p class="quiet">The files of problems say what they are.</p>
      )}
    </>
  );
}

function FileLink({
  desk,
  shown,
  file,
}: Pick<ManifestProps, 'desk' | 'shown'> & { readonly file: ManifestFile }): JSX.Element {
  const { name } = file;
  const { job, saving, saved } = shown;
  const link = desk.linkOf(job.id, file);
  if (link !== undefined)
    return (
      <a href={link} download={name} rel="noreferrer">
        <bdi>{plain(name, 200)}</bdi>
      </a>
    );
  return (
    <>
      <button type="button" disabled={saving.has(name)} onClick={() => void desk.save(job.id, name)}>
        Save <bdi>{plain(name, 200)}</bdi>
      </button>{' '}
      <span class="quiet">{saving.has(name) ? 'being read …' : saved.has(name) ? 'saved' : ''}</span>
    </>
  );
}
