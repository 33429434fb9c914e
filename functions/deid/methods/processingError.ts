/** A resource that cannot be de-identified. Its message is safe to log: it holds nothing of the resource. */
export class ProcessingError extends Error {
  readonly code: string;
  readonly rule: number | undefined;
  constructor(code: string, message: string, rule?: number) {
    super(message);
    this.name = 'ProcessingError';
    this.code = code;
    this.rule = rule;
  }
}
