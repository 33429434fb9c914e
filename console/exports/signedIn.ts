import { broadcastResponseToMainFrame } from '@azure/msal-browser/redirect-bridge';

/*
 * The page that a sign-in ends at, in a window of its own: it gives the answer in its address to the exports page, and
 * closes. Opened without an answer it has nothing to do.
 */
broadcastResponseToMainFrame().catch(() => undefined);
