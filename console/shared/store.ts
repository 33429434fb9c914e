import { useEffect, useState } from 'preact/hooks';

/** A state that is replaced as a whole, and those who look at it. */
export class Store<State extends object> {
  #state: State;
  readonly #listeners = new Set<() => void>();

  constructor(state: State) {
    this.#state = state;
  }

  get state(): State {
    return this.#state;
  }

  /** Changes some members; `undefined` takes one away. */
  set(change: { readonly [Name in keyof State]?: State[Name] | undefined }): void {
    this.#state = Object.assign({}, this.#state, change);
    for (const listener of this.#listeners) listener();
  }

  /** @returns what ends it */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** The state of a store, for a component that is made anew when it changes. */
export function useStore<State extends object>(store: Store<State>): State {
  const [state, setState] = useState(store.state);
  useEffect(() => {
    setState(store.state);
    return store.listen(() => setState(store.state));
  }, [store]);
  return state;
}
