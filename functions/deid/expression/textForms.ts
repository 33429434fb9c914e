// Forms of a text by name, as `encode()`, `decode()`, `escape()` and `unescape()` know them: null for an unknown form.

export function encoded(text: string, format: string): string | null {
  const bytes = Buffer.from(text, 'utf8');
  if (format === 'hex') return bytes.toString('hex');
  if (format === 'base64') return bytes.toString('base64');
  return format === 'urlbase64' ? bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_') : null;
}

export function decoded(text: string, format: string): string | null {
  if (format === 'hex') return Buffer.from(text, 'hex').toString('utf8');
  if (format === 'base64') return Buffer.from(text, 'base64').toString('utf8');
  return format === 'urlbase64' ? Buffer.from(text, 'base64url').toString('utf8') : null;
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escaped(text: string, format: string): string | null {
  if (format === 'html') return text.replace(/[&<>"']/g, (character) => HTML_ESCAPES[character] ?? character);
  return format === 'json' ? JSON.stringify(text).slice(1, -1) : null;
}

export function unescaped(text: string, format: string): string | null {
  if (format === 'html') {
    return text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => {
      return Object.keys(HTML_ESCAPES).find((character) => HTML_ESCAPES[character] === entity) ?? entity;
    });
  }
  if (format !== 'json') return null;
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return null;
  }
}
