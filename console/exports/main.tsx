import { render } from 'preact';
import { Navigation } from '../shared/navigation.js';

render(
  <>
    <Navigation current="Exports" />
    <main>
      <h1>Exports</h1>
    </main>
  </>,
  document.querySelector('#page') as Element,
);
