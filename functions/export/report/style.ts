const LIGHT = `--text: #1b1b1b; --soft: #555; --line: #c8c8c8; --back: #fff; --band: #f3f4f6;
  --s0: #1f6fb2; --s1: #c2410c; --s2: #6d5bd0; --s3: #0f766e; --s4: #a16207;`;
const DARK = `--text: #ececec; --soft: #b4b4b4; --line: #4a4a4a; --back: #161616; --band: #232323;
  --s0: #6cb2f0; --s1: #f59e6b; --s2: #b3a6f7; --s3: #5eead4; --s4: #facc15;`;
const PAPER = `--text: #000; --soft: #333; --line: #999; --back: #fff; --band: #eee;`;

/** The style of a report's page, for screens in light and dark, wide and narrow, and for paper. */
export const STYLE = `
:root { color-scheme: light dark; ${LIGHT} }
@media (prefers-color-scheme: dark) { :root { ${DARK} } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 62rem; color: var(--text); background: var(--back);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .5rem; } h2 { font-size: 1.25rem; margin: 2.4rem 0 .5rem; padding-top: .6rem; border-top: 1px solid var(--line); }
p { margin: .4rem 0; color: var(--soft); max-width: 48rem; }
dl { display: grid; grid-template-columns: minmax(10rem, max-content) 1fr; gap: .2rem 1.2rem; margin: .8rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
figure, .table { overflow-x: auto; margin: 1.2rem 0; }
figcaption, caption { text-align: left; font-size: .9rem; font-weight: 600; padding: .3rem 0; }
table { border-collapse: collapse; min-width: 60%; font-size: .9rem; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
tbody th { font-weight: 400; } .again { color: var(--soft); }
thead th { background: var(--band); vertical-align: bottom; } tfoot th, tfoot td { font-weight: 600; border-top: 2px solid var(--line); }
.count { text-align: right; font-variant-numeric: tabular-nums; } td.count { white-space: nowrap; }
svg { display: block; min-width: 34rem; max-width: 100%; height: auto; font: 12px system-ui, sans-serif; fill: var(--text); }
.label { text-anchor: end; } .hatch { stroke: var(--text); stroke-width: 1; } .unknown { stroke: var(--text); stroke-width: .5; }
.series-0 { fill: var(--s0); } .series-1 { fill: var(--s1); } .series-2 { fill: var(--s2); } .series-3 { fill: var(--s3); } .series-4 { fill: var(--s4); }
.sign { width: 100%; } .sign th { white-space: nowrap; } .sign td { height: 3.2rem; min-width: 8rem; border-left: 1px solid var(--line); }
@media (max-width: 34rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } th, td { padding: .25rem .5rem; } }
@page { size: A4; margin: 16mm 14mm 18mm; @bottom-left { content: "Release report"; font: 8pt sans-serif; color: #333; }
  @bottom-right { content: counter(page) " of " counter(pages); font: 8pt sans-serif; color: #333; } }
@media print { :root { color-scheme: light; ${LIGHT} ${PAPER} print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { padding: 0; max-width: none; font-size: 10pt; } figure, .table { overflow: visible; margin: .8rem 0; } svg { min-width: 0; }
  table { width: 100%; font-size: 8.5pt; } th, td { padding: .15rem .5rem; } th:not(.count), td:not(.count) { overflow-wrap: anywhere; }
  caption, figcaption { font-size: 9.5pt; } h1, h2, caption, figcaption { break-after: avoid; } p, dl, tr, figure, .short, .release { break-inside: avoid; }
  thead { display: table-header-group; } tfoot { display: table-row-group; } tbody tr:first-child, tfoot tr { break-before: avoid; }
  .sign td { min-width: 0; width: 20%; } .sign td:last-child { width: 30%; } .sign th, .sign td { overflow-wrap: normal; } }
`;
