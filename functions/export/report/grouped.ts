/** A number with a space between groups of three digits, as ISO 80000-1 has it. */
export function grouped(value: number): string {
  return String(value).replaceAll(/\B(?=(?:\d{3})+(?!\d))(?<!\.\d*)/g, ' ');
}
