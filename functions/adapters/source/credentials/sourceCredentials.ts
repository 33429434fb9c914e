/** A header that lets a request in at the source. Never logged. */
export interface SourceHeader {
  name: string;
  value: string;
}

/** One way to show the source who the app is. */
export interface SourceCredentials {
  /**
   * The header of the next request; `undefined` where none is sent.
   * @throws ExportError where no token can be had
   */
  header(): Promise<SourceHeader | undefined>;
  /**
   * After the source answered 401 to `refused`: another header to ask once more with; `undefined` where there is none.
   * @throws ExportError where no token can be had
   */
  renewed(refused: SourceHeader): Promise<SourceHeader | undefined>;
  /** What to do when the source keeps answering 401, in our own words. */
  readonly remedy: string;
}
