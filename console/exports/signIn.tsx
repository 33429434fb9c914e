import type { JSX, TargetedSubmitEvent } from 'preact';
import { useState } from 'preact/hooks';
import { TextField } from '../shared/textField.js';
import type { PartProps } from './part.js';
import type { Credential } from './appServer.js';

interface Kind {
  readonly label: string;
  readonly hint: string;
}

const KINDS: Readonly<Record<Credential['kind'], Kind>> = {
  nothing: { label: 'Nothing', hint: 'The app asks for no key and no token.' },
  'function-key': {
    label: 'Function key',
    hint: 'A key of the Functions host. It is sent in the header x-functions-key.',
  },
  token: { label: 'Access token', hint: 'Paste a token for this app, with or without the word Bearer.' },
};

const TOKENS = {
  entra: 'Paste a token of Entra ID for this app, as az account get-access-token prints it.',
  smart: 'Paste a token of the authorization server that this app accepts (SMART Backend Services).',
} as const;

/** Signs in as the app is set up. What is typed is in memory alone. */
export function SignIn({ desk, state }: PartProps): JSX.Element {
  const { app, isSignedIn } = state;
  if (app?.signIn === 'nothing')
    return <p class="quiet">This app asks for no key and no token on this machine.</p>;
  if (isSignedIn)
    return (
      <p class="signed-in">
        Signed in. The key or token is in the memory of this page alone.{' '}
        <button type="button" onClick={() => desk.signOut()}>
          Forget it
        </button>
      </p>
    );
  return (
    <section class="panel" aria-labelledby="sign-in">
      <h2 id="sign-in">Sign in</h2>
      {app?.signInAt === undefined ? (
        <CredentialForm desk={desk} state={state} />
      ) : (
        <>
          <WindowSignIn desk={desk} state={state} />
          <details>
            <summary>Paste a token instead</summary>
            <CredentialForm desk={desk} state={state} />
          </details>
        </>
      )}
    </section>
  );
}

/** Signs a person in by a window of its own. */
function WindowSignIn({ desk, state: { isSigningIn } }: PartProps): JSX.Element {
  return (
    <>
      <p class="quiet" id="window-hint">
        Entra ID asks in a window of its own. The token stays in the memory of this page, and is forgotten
        when the page is closed or loaded again.
      </p>
      <button
        type="button"
        class="main"
        aria-describedby="window-hint"
        onClick={() => void desk.signInByWindow()}
      >
        {isSigningIn ? 'Sign in again …' : 'Sign in with Entra ID'}
      </button>
      {isSigningIn && (
        <p class="quiet" role="status">
          Go on in the window that was opened.
        </p>
      )}
    </>
  );
}

/** Takes a key or a token that is typed or pasted. */
function CredentialForm({ desk, state: { app } }: PartProps): JSX.Element {
  const [chosen, setChosen] = useState<Credential['kind']>('token');
  const [typed, setTyped] = useState('');
  const [problem, setProblem] = useState('');
  const kind = app?.signIn ?? chosen;
  const hint = app?.tokensOf === undefined ? KINDS[kind].hint : TOKENS[app.tokensOf];
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const value = typed.trim().replace(/^Bearer\s+/i, '');
    setTyped('');
    const isUsable = kind === 'nothing' || /^[\x21-\x7e]+$/.test(value);
    setProblem(
      isUsable
        ? ''
        : `This is no ${KINDS[kind].label.toLowerCase()}: it has blanks or other signs, or is empty.`,
    );
    if (isUsable) void desk.signIn({ kind, value });
  };
  return (
    <form aria-label="Key or token" onSubmit={submit}>
      {app?.signIn === undefined && (
        <label>
          What the app asks for
          <select
            value={chosen}
            onChange={({ currentTarget }) => setChosen(currentTarget.value as Credential['kind'])}
          >
            {Object.entries(KINDS).map(([value, { label }]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </label>
      )}
      {kind !== 'nothing' && (
        <div class="field">
          <span aria-hidden="true">{KINDS[kind].label}</span>
          <TextField
            kind="secret"
            label={KINDS[kind].label}
            describedBy="sign-in-hint"
            value={typed}
            onText={setTyped}
          />
        </div>
      )}
      <p class="quiet" id="sign-in-hint">
        {hint} It stays in the memory of this page, and is forgotten when the page is closed or loaded again.
      </p>
      {problem !== '' && (
        <p class="fault" role="alert">
          {problem}
        </p>
      )}
      <button type="submit">Sign in</button>
    </form>
  );
}
