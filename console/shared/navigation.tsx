import type { JSX } from 'preact';

/** The pages of the console, by their addresses from the folder of the page's document. */
const PAGES = [
  { name: 'Exports', href: './' },
  { name: 'Preview', href: './preview' },
] as const;

/** The links between pages. */
export function Navigation({ current }: { readonly current: (typeof PAGES)[number]['name'] }): JSX.Element {
  return (
    <nav aria-label="Console">
      {PAGES.map(({ name, href }) => (
        <a key={name} href={href} aria-current={name === current ? 'page' : undefined}>
          {name}
        </a>
      ))}
    </nav>
  );
}
