metadata description = 'Types of parameters.'

@export()
@description('Someone who is given a role.')
@sealed()
type Principal = {
  @description('Object id in Entra ID.')
  @minLength(36)
  @maxLength(36)
  id: string

  @description('What it is.')
  type: 'User' | 'Group' | 'ServicePrincipal'
}

@export()
@description('App registration of Entra ID whose tokens callers show.')
@sealed()
type EntraAuthentication = {
  @description('Client id of the app registration that stands for this app.')
  @minLength(36)
  @maxLength(36)
  clientId: string

  @description('Tenant whose tokens are taken; the one of the subscription if not given.')
  tenantId: string?

  @description('Audiences that a token may be for; api://<clientId> and the client id if not given.')
  audiences: string[]?

  @description('Client ids of the applications that may call; any that got a token for the audience if not given.')
  allowedApplications: string[]?
}

@export()
@description('Names of secrets in the Key Vault, by the names that configurations have for them.')
type SecretNames = {
  @description('Name of the secret in the Key Vault.')
  @minLength(1)
  @maxLength(127)
  *: string
}
