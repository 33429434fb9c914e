import { createHash } from 'node:crypto';
import { html, type Html } from './html.js';
import type { Column, Part, Table } from './part.js';
import { plotOf } from './plot.js';
import type { SharedReport } from './sharedReport.js';
import { STYLE } from './style.js';

/** The digest is of its text to the byte. */
const STYLE_ELEMENT: Html = { html: `<style>${STYLE}</style>` };
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
/** What the page may load and do: nothing but its own style. */
export const REPORT_POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'`;

/** Rows of a table that is not divided on paper. */
const MAX_SHORT = 15;

const SIGNATURES = ['Name', 'Role', 'Date', 'Signature'];
const SIGNERS = ['Prepared by', 'Released by'];

/** The report as one page of HTML, which needs no other file and has no script. */
export function reportPage({ title, parts }: SharedReport): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${REPORT_POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <title>${title}</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        <main>
          <h1>${title}</h1>
          ${parts.map(sectionOf)}${signatureSection()}
        </main>
      </body>
    </html> `.html;
}

function sectionOf({ id, title, notes, facts, tables }: Part): Html {
  const shown = tables.filter(({ rows }) => rows.length > 0);
  const isEmpty = tables.length > 0 && shown.length === 0;
  return html`<section aria-labelledby="${id}">
    <h2 id="${id}">${title}</h2>
    ${notes.map((note) => html`<p>${note}</p> `)}${
      facts.length === 0
        ? undefined
        : html`<dl>
            ${facts.map(
              ({ term, value }) =>
                html`<dt>${term}</dt>
                  <dd>${value}</dd> `,
            )}
          </dl> `
    }${isEmpty ? html`<p>None.</p> ` : undefined}${shown.map((table) => [plotOf(table), tableOf(table)])}
  </section> `;
}

function tableOf({ id, caption, columns, rows, total }: Table): Html {
  const isCount = ({ name }: Column): boolean => rows.some((row) => isCountCell(row[name], name));
  const counts = new Set(columns.filter(isCount).map(({ name }) => name));
  const cellsOf = (row: Table['rows'][number], before?: Table['rows'][number]): Html[] =>
    columns.map(({ name }, place) => {
      const isAgain = row[name] === before?.[name];
      if (place === 0)
        return html`<th scope="row" ${isAgain ? html` class="again"` : undefined}>${row[name]}</th>`;
      return counts.has(name) ? html`<td class="count">${row[name]}</td>` : html`<td>${row[name]}</td>`;
    });
  // Many rows go on on the next sheet of paper; few stay together.
  const size = rows.length > MAX_SHORT ? undefined : html` short`;
  return html`<div class="table${size}" role="region" aria-labelledby="${id}-caption" tabindex="0">
    <table>
      <caption id="${id}-caption">
        ${caption}
      </caption>
      <thead>
        <tr>
          ${columns.map(({ name, title }) => html`<th scope="col" ${counts.has(name) ? html` class="count"` : undefined}>${title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row, place) =>
            html`<tr>
              ${cellsOf(row, rows[place - 1])}
            </tr> `,
        )}
      </tbody>
      ${
        total === undefined
          ? undefined
          : html`<tfoot>
              <tr>
                ${cellsOf(total)}
              </tr>
            </tfoot> `
      }
    </table>
  </div> `;
}

const COUNT_TEXT = /^(?:[<>≥]\d+|hidden)$/;

function isCountCell(cell: string | number | undefined, name: string): boolean {
  return typeof cell === 'number' || (cell !== undefined && name !== 'type' && COUNT_TEXT.test(cell));
}

function signatureSection(): Html {
  return html`<section class="release" aria-labelledby="signatures">
    <h2 id="signatures">Release</h2>
    <p>Who signs has read this report and releases the files that it is about.</p>
    <div class="table" role="region" aria-labelledby="signatures-caption" tabindex="0">
      <table class="sign">
        <caption id="signatures-caption">
          Signatures
        </caption>
        <thead>
          <tr>
            <th scope="col">Step</th>
            ${SIGNATURES.map((title) => html`<th scope="col">${title}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${SIGNERS.map(
            (signer) =>
              html`<tr>
                <th scope="row">${signer}</th>
                ${SIGNATURES.map(() => html`<td></td>`)}
              </tr> `,
          )}
        </tbody>
      </table>
    </div>
  </section> `;
}
