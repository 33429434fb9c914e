import { render } from 'preact';
import { App } from './app.js';
import { Desk, type OpenSignIn } from './desk.js';
import type * as EntraSignIn from './entraSignIn.js';
import { RememberedJobs } from './rememberedJobs.js';

const { baseURI } = document;

const openSignIn: OpenSignIn = async (at) => {
  // Another file, not a part of this one.
  const script = new URL('exports/entraSignIn.js', baseURI).href;
  const loaded = (await import(script)) as typeof EntraSignIn;
  return loaded.openSignIn(at, new URL('signed-in', baseURI).href);
};

const desk = new Desk((base) => new RememberedJobs(base, sessionStorage, localStorage), openSignIn);
render(<App desk={desk} />, document.querySelector('#page') as Element);
void desk.start(baseURI);
