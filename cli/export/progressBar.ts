import { ProgressLine, type ProgressStream } from '../../local/progressLine.js';

const WIDTH = 24;
/** Between two drawings on a terminal, and between two lines elsewhere. */
const TERMINAL_MS = 100;
const ELSEWHERE_MS = 10_000;
const KIBIBYTE = 1024;
const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** How far a download is. */
interface DownloadProgress {
  readonly files: number;
  readonly allFiles: number;
  readonly bytes: number;
  /** Where the report says. */
  readonly allBytes: number | undefined;
}

/** What an export is at: a bar on a terminal, plain lines elsewhere. */
export class ProgressBar {
  readonly #line: ProgressLine;
  readonly #stream: ProgressStream;
  readonly #isTerminal: boolean;
  readonly #now: () => number;
  #shownAt = Number.NEGATIVE_INFINITY;
  #beganAt: number | undefined;
  #bytesBefore = 0;

  constructor(stream: ProgressStream, now = Date.now) {
    this.#line = new ProgressLine(stream);
    this.#stream = stream;
    this.#isTerminal = stream.isTTY === true;
    this.#now = now;
  }

  /** What the server says of its work. */
  server(text: string): void {
    const percent = /(?<![\d.])(\d{1,3})(?:\.\d+)?\s?%/.exec(text)?.[1];
    this.#line.show(
      `${this.#bar(percent === undefined ? undefined : Number(percent) / 100)}${text || 'at work'}`,
    );
  }

  download({ files, allFiles, bytes, allBytes }: DownloadProgress): void {
    const now = this.#now();
    if (this.#beganAt === undefined) {
      this.#beganAt = now;
      this.#bytesBefore = bytes;
    }
    const pause = this.#isTerminal ? TERMINAL_MS : ELSEWHERE_MS;
    if (now - this.#shownAt < pause && files < allFiles) return;
    this.#shownAt = now;
    const seconds = (now - this.#beganAt) / 1000;
    const speed = seconds < 1 ? '' : `, ${sizeOf((bytes - this.#bytesBefore) / seconds)}/s`;
    const part = allBytes === undefined || allBytes === 0 ? files / allFiles : bytes / allBytes;
    const size = allBytes === undefined ? sizeOf(bytes) : `${sizeOf(bytes)} of ${sizeOf(allBytes)}`;
    this.#line.show(`${this.#bar(part)}${files} of ${allFiles} files, ${size}${speed}`);
  }

  /** A line that stays. */
  say(text: string): void {
    this.end();
    this.#stream.write(`${text}\n`);
  }

  end(): void {
    this.#line.end();
  }

  #bar(part: number | undefined): string {
    if (!this.#isTerminal || part === undefined) return '';
    const filled = Math.round(Math.min(1, Math.max(0, part)) * WIDTH);
    return `[${'#'.repeat(filled)}${'-'.repeat(WIDTH - filled)}] `;
  }
}

/** Bytes for people: `1.5 MiB`. */
export function sizeOf(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log(bytes) / Math.log(KIBIBYTE))));
  const value = bytes / KIBIBYTE ** unit;
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}
