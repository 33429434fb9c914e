/** Texts that would be executed, or would break a page, where one is taken for anything but text. */
export const HOSTILE_TEXTS: readonly string[] = [
  '<img src=x onerror="globalThis.executed = true">',
  '"><script>globalThis.executed = true</script>',
  "'-(globalThis.executed = true)-'",
  '${globalThis.executed = true}{{constructor.constructor("globalThis.executed = true")()}}',
  'javascript:globalThis.executed=true',
  '</textarea></style></script><svg onload="globalThis.executed = true">',
  '<iframe srcdoc="<script>parent.executed = true</script>"></iframe>',
  '&lt;img src=x onerror=alert(1)&gt;&#0;',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  '\u202egnp.exe\u202c \u2066\u2067 \ufeff\u200b',
  'a\u0000b\u0007\u001b[31m\u2028\u2029\u0085',
  '\ud800 \udc00',
  '../../etc/passwd',
  'C:\\x\\..\\y | " \' ` \\',
  '%00%0d%0aLocation: http://example.org/',
  'x'.repeat(200_000),
  '#'.repeat(50),
  '[0].name["a.b"]',
  '',
];

/** A resource that has a text everywhere it can be: names of elements, type, id, values and extensions. */
export function hostileResource(text: string): string {
  const inside = { [text]: text, extension: [{ url: text, valueString: text }] };
  return JSON.stringify({
    resourceType: 'Patient',
    id: text,
    meta: { versionId: text, source: text, security: [{ system: text, code: text, display: text }] },
    text: { status: 'generated', div: text },
    contained: [{ resourceType: text, id: text }],
    identifier: [{ system: text, value: text }],
    name: [{ family: text, given: [text, text], _given: [{ id: text, ...inside }] }],
    birthDate: text,
    _birthDate: inside,
    link: [{ other: { reference: text, display: text }, type: text }],
    [text]: inside,
  });
}

/** A configuration that has a text everywhere it can be. */
export function hostileConfiguration(text: string): string {
  return JSON.stringify(
    {
      fhirVersion: text,
      processingErrors: text,
      extends: text,
      [text]: text,
      fhirPathRules: [
        { path: text, method: text, [text]: text },
        { path: 'Patient.name', method: 'substitute', replaceWith: text, cases: { [text]: text } },
        { path: `Patient.where(id = '${text}').name`, method: 'redact' },
        { path: 'Patient.birthDate', method: 'generalize', cases: { [text]: text }, otherValues: text },
        text,
      ],
      parameters: {
        dateShiftKey: text,
        cryptoHashKey: { secretName: text },
        encryptKey: { secretName: text, context: text },
        dateShiftScope: text,
        [text]: { [text]: text },
      },
    },
    undefined,
    1,
  );
}

/** A configuration without errors that has each of some texts where one may be, and a resource whose result has all of them. */
export function hostileButValid(texts: readonly string[]): { configuration: string; resource: string } {
  const rules = texts.map((replaceWith, at) => ({
    path: `Patient.extension.where(url = '${at}').value`,
    method: 'substitute',
    replaceWith,
  }));
  return {
    configuration: JSON.stringify({
      fhirPathRules: [...rules, { path: 'Patient.name', method: 'keep' }],
      parameters: { cryptoHashKey: { secretName: 'a-key' } },
    }),
    resource: JSON.stringify({
      resourceType: 'Patient',
      extension: texts.map((_, at) => ({ url: String(at), valueString: 'x' })),
    }),
  };
}

/** A resource with a text in the place of every text that it has. */
export function withText(resource: string, text: string): string {
  const replaced = (name: string, value: unknown): unknown =>
    typeof value === 'string' && name !== 'resourceType' ? text : value;
  return JSON.stringify(JSON.parse(resource, replaced));
}
