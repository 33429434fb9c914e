/** Waits until the condition holds; fails with what was waited for after that many milliseconds. */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  what: string,
  // Far more than it takes, on a machine that does other work, too.
  timeoutMs = 60_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`Waited in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
