import { render } from 'preact';
import { App } from './app.js';
import { Desk } from './desk.js';
import { RememberedJobs } from './rememberedJobs.js';

const desk = new Desk((base) => new RememberedJobs(base, sessionStorage, localStorage));
render(<App desk={desk} />, document.querySelector('#page') as Element);
void desk.start(document.baseURI);
