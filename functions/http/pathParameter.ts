/** A path parameter, decoded: the host gives it as it was sent. Undefined where it is not encoded well. */
export function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
