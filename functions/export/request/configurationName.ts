const MAX_CHARACTERS = 1024;

/** Whether a text can be the name of a configuration, a blob or a file in an image: it leads nowhere else. */
export function isConfigurationName(name: string): boolean {
  return name.length <= MAX_CHARACTERS && !/(^|\/)\.{0,2}(\/|$)|[\\\p{Cc}]/u.test(name);
}
