import type { JSX } from 'preact';
import { Navigation } from '../shared/navigation.js';
import { useStore } from '../shared/store.js';
import type { Desk } from './desk.js';
import { JobList } from './jobList.js';
import { JobView } from './jobView.js';
import { Words } from './part.js';
import { SignIn } from './signIn.js';
import { StartForm } from './startForm.js';

/** The exports page. */
export function App({ desk }: { readonly desk: Desk }): JSX.Element {
  const state = useStore(desk.store);
  return (
    <>
      <header class="top">
        <Navigation current="Exports" />
        {state.base !== undefined && (
          <p class="quiet">
            App: <bdi>{state.base}</bdi>
          </p>
        )}
      </header>
      <main class="desk">
        <h1>Exports</h1>
        <Words of={state.faults} />
        {state.app !== undefined && <SignIn desk={desk} state={state} />}
        {state.isSignedIn && (
          <>
            <StartForm desk={desk} state={state} />
            <JobList desk={desk} state={state} />
            {state.shown !== undefined && (
              <JobView key={state.shown.job.id} desk={desk} state={state} shown={state.shown} />
            )}
          </>
        )}
      </main>
      <p class="unseen" role="status">
        {state.said}
      </p>
    </>
  );
}
