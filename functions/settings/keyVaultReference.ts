/**
 * What is wrong with a secret setting that still is a Key Vault reference. The platform passes on a reference it
 * cannot resolve as it stands: a secret that anybody can read.
 */
export function unresolvedReference(name: string, value: string): string | undefined {
  return /^\s*@Microsoft\.KeyVault\(/i.test(value)
    ? `${name} is a Key Vault reference that was not resolved: give the app's identity the role Key Vault Secrets User, and let it reach the vault`
    : undefined;
}
