// HTML from templates: whatever is put into one is text, unless it was made by one.

/** A piece of a page: markup, with all text in it escaped. */
export class Html {
  readonly markup: string;
  constructor(markup: string) {
    this.markup = markup;
  }
}

type Value = string | number | Html | readonly Html[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Control characters that no HTML document may hold; U+FFFD stands for them, and for halves of surrogate pairs. */
const isForbidden = (code: number): boolean =>
  (code < 0x20 && code !== 0x09 && code !== 0x0a) ||
  (code >= 0x7f && code < 0xa0) ||
  (code >= 0xd800 && code < 0xe000) ||
  (code & 0xfffe) === 0xfffe ||
  (code >= 0xfdd0 && code < 0xfdf0);

/** Text as it stands between tags, or in an attribute's quotes. */
export function escaped(text: string): string {
  const allowed = [...text].map((letter) => (isForbidden(letter.codePointAt(0) ?? 0) ? '\ufffd' : letter));
  return allowed.map((letter) => ENTITIES[letter] ?? letter).join('');
}

function markupOf(value: Value): string {
  if (value instanceof Html) return value.markup;
  if (typeof value === 'string') return escaped(value);
  if (typeof value === 'number') return String(value);
  return value.map(({ markup }) => markup).join('');
}

/** A template's tag. Values belong between tags or into quoted attributes. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(parts.reduce((done, part, i) => `${done}${markupOf(values[i - 1] ?? '')}${part}`));
}

export const NOTHING = new Html('');
