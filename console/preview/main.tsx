import { render } from 'preact';
import { EngineClient } from '../engine/engineClient.js';
import { App } from './app.js';
import { versionOf, Workbench } from './workbench.js';

const version = versionOf(location.href);
const bench = new Workbench(EngineClient.start(version), version);
render(<App bench={bench} />, document.querySelector('#page') as Element);
void bench.start(location.hash.slice(1));
// A link that is opened where this page is already open changes the fragment only.
addEventListener('hashchange', () => void bench.openLink(location.hash.slice(1)));
