/** Whether a URL leads to this machine itself, so that nothing sent to it can be seen on a network. */
export function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|[\w-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}
