/** A browser reads what is saved some time after the click. */
const MAX_SAVING_MS = 60_000;

/** Saves bytes as a file. */
export function saveAs(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), MAX_SAVING_MS);
}
