/** HTML that is safe to be put into a page. */
export interface Html {
  readonly html: string;
}

type Piece = string | number | Html | readonly Piece[] | undefined;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const INDENTATION = /\s*\n\s*/g;

/** A template of HTML, without its indentation: what is put in is text, unless it is HTML itself. */
export function html(texts: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  const parts = texts.map((text, place) => escaped(pieces[place - 1]) + text.replaceAll(INDENTATION, '\n'));
  return { html: parts.join('') };
}

function escaped(piece: Piece): string {
  if (piece === undefined) return '';
  if (typeof piece === 'object') return 'html' in piece ? piece.html : piece.map(escaped).join('');
  return String(piece).replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign] ?? '');
}
