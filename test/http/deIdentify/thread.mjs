// A thread that does what the search of its task says.
export default async function answer({ search }) {
  if (search === 'forever') for (;;);
  if (search === 'wait') await new Promise((resolve) => setTimeout(resolve, 300));
  if (search === 'exit') process.exit(1);
  if (search === 'memory') {
    const kept = [];
    for (;;) kept.push(Array.from({ length: 100_000 }, () => ({})));
  }
  return { body: new Uint8Array([1]), issues: [] };
}
