/** Version of the app and of the engine in it: that of the package, which a test checks. */
export const VERSION = '0.1.0';
