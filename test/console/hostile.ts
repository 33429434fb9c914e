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
