import { it, expect } from 'vitest';
import { Regex } from '../../functions/deid/regex/regex.js';
import { RegexSteps } from '../../functions/deid/regex/steps.js';
import { readText } from './shared.js';
it('goldens', () => {
  const rows = readText('goldens','regex','dotnet.jsonl').trim().split('\n').map((l)=>JSON.parse(l));
  let bad=0, js=0;
  for (const engine of ['any','own'] as const) for (const r of rows) {
    let got: unknown; let want: unknown;
    try {
      const x = Regex.compile(r.pattern, engine); if (x.expression) js++;
      if (r.error) { got='no error'; want=r.error; } else {
      const s=()=>new RegexSteps();
      got={isMatch:x.isMatch(r.input,s()),matches:[...x.matches(r.input,s())].map(f=>r.input.slice(f.start,f.end)),replaced:Object.fromEntries(Object.keys(r.replaced).map(k=>[k,x.replace(r.input,x.replacement(k),s())]))};
      want={isMatch:r.isMatch,matches:r.matches,replaced:r.replaced}; }
    } catch (e) { got=(e as {problem?:string}).problem ?? String((e as Error).stack); want=r.error; }
    if (JSON.stringify(got)!==JSON.stringify(want)) { bad++; console.log(engine, r.pattern, JSON.stringify(r.input), '\n got', JSON.stringify(got), '\nwant', JSON.stringify(want)); }
  }
  console.log(bad, js);
});
