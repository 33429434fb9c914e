import { leastOf, type ShownCount } from './countSheet.js';
import { html, type Html } from './html.js';
import type { Table } from './part.js';

const WIDTH = 720;
const LABELS = 210;
const ROW = 22;
const BAR = 14;
const LEGEND = 26;
/** Width of a count that is not shown, whatever it is. */
const UNKNOWN_WIDTH = 8;
const NUMBERS = 110;
const BARS = WIDTH - LABELS - NUMBERS;
/** Rows that are drawn, those with the most; the table beside it has all. */
const MAX_ROWS = 30;
const MAX_LABEL = 32;

interface Bar {
  readonly label: string;
  readonly counts: readonly ShownCount[];
  readonly sum: number;
}

/** The plot of a table as SVG: bars of the counts of its rows. Empty where there is nothing to draw. */
export function plotOf({ id, columns, rows, plot }: Table): Html | undefined {
  const [first] = columns;
  if (plot === undefined || first === undefined) return undefined;
  const bars = rows
    .map((row) =>
      barOf(
        String(row[first.name]),
        plot.columns.map((name) => row[name] as ShownCount),
      ),
    )
    .filter(({ counts }) => counts.some((count) => count !== 0));
  if (bars.length === 0) return undefined;
  const ordered = plot.isInOrder === true ? bars : bars.sort((one, other) => other.sum - one.sum);
  const drawn = ordered.slice(0, MAX_ROWS);
  const scale = BARS / Math.max(1, ...drawn.map(({ sum }) => sum));
  const titles = plot.columns.map((name) => columns.find((column) => column.name === name)?.title ?? name);
  const top = titles.length > 1 ? LEGEND : 0;
  const height = top + drawn.length * ROW;
  const left = bars.length - drawn.length;
  const caption = html`<figcaption id="${id}-plot-caption">
    ${plot.title}${left > 0 ? `: the ${drawn.length} largest of ${bars.length}` : ''}
  </figcaption>`;
  return html`<figure aria-labelledby="${id}-plot-caption" tabindex="0">
    ${caption}
    <svg
      role="img"
      aria-labelledby="${id}-plot-title ${id}-plot-text"
      viewBox="0 0 ${WIDTH} ${height}"
      width="${WIDTH}"
      height="${height}"
      xmlns="http://www.w3.org/2000/svg"
    >
      <title id="${id}-plot-title">${plot.title}</title>
      <desc id="${id}-plot-text">
        Bars of the counts in the table below. Hatched: a count that is not shown.
      </desc>
      <defs>
        <pattern id="${id}-hatch" width="4" height="4" patternUnits="userSpaceOnUse">
          <path class="hatch" d="M0 4 4 0" />
        </pattern>
      </defs>
      ${titles.length > 1 ? legendOf(titles) : undefined}${drawn.map((bar, place) => drawnBar(bar, titles, top + place * ROW, scale, id))}
    </svg>
  </figure> `;
}

function barOf(label: string, counts: readonly ShownCount[]): Bar {
  const sum = counts.reduce<number>((all, count) => all + (leastOf(count) ?? 0), 0);
  return { label, counts, sum };
}

function legendOf(titles: readonly string[]): Html {
  const width = WIDTH / titles.length;
  return html`${titles.map(
    (title, place) =>
      html`<rect class="series-${place}" x="${place * width}" y="3" width="12" height="12" /><text
          x="${place * width + 17}"
          y="13"
          >${title}</text
        > `,
  )}`;
}

function drawnBar(
  { label, counts }: Bar,
  titles: readonly string[],
  y: number,
  scale: number,
  id: string,
): Html {
  let x = LABELS;
  const boxes = counts.map((count, series): Html => {
    if (count === 0) return html``;
    const least = leastOf(count);
    const width = least === undefined ? UNKNOWN_WIDTH : Math.max(1, Math.round(least * scale * 10) / 10);
    const fill =
      least !== undefined ? html`class="series-${series}"` : html`class="unknown" fill="url(#${id}-hatch)"`;
    const box = html`<rect ${fill} x="${round(x)}" y="${y + 3}" width="${width}" height="${BAR}"
      ><title>${label}, ${titles[series]}: ${count}</title></rect
    >`;
    x += width;
    return box;
  });
  const numbers = counts.filter((count) => count !== 0).join(' + ');
  const name = label.length > MAX_LABEL ? `${label.slice(0, MAX_LABEL - 1)}…` : label;
  return html`<text class="label" x="${LABELS - 8}" y="${y + 14}">${name}</text>${boxes}<text
      x="${round(x + 6)}"
      y="${y + 14}"
      >${numbers}</text
    > `;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
