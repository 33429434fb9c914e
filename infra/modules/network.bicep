metadata description = 'Virtual network: a subnet that the app runs in, one for private endpoints, and the zones by which their names are found.'

@description('Name of the network.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Address range of the network, /24 or larger: the app gets its lower, the endpoints its upper half.')
param addressPrefix string

@description('Whether what leaves the network goes through a NAT gateway with one public address.')
param hasNatGateway bool

@description('Names of the private DNS zones.')
param dnsZoneNames string[]

var halfSize = parseCidr(addressPrefix).cidr + 1

resource publicAddress 'Microsoft.Network/publicIPAddresses@2025-01-01' = if (hasNatGateway) {
  name: '${name}-out'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIPAllocationMethod: 'Static'
  }
}

resource natGateway 'Microsoft.Network/natGateways@2025-01-01' = if (hasNatGateway) {
  name: '${name}-nat'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIpAddresses: [
      {
        id: publicAddress.id
      }
    ]
  }
}

// Endpoints answer their own network only.
resource endpointRules 'Microsoft.Network/networkSecurityGroups@2025-01-01' = {
  name: '${name}-endpoints'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'allow-https-from-network'
        properties: {
          priority: 100
          direction: 'Inbound'
          access: 'Allow'
          protocol: 'Tcp'
          sourceAddressPrefix: 'VirtualNetwork'
          sourcePortRange: '*'
          destinationAddressPrefix: 'VirtualNetwork'
          destinationPortRange: '443'
        }
      }
      {
        name: 'deny-all-else'
        properties: {
          priority: 4096
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2025-01-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        addressPrefix
      ]
    }
    subnets: [
      {
        // Underscores are not allowed in the name of a subnet that Flex Consumption runs in.
        name: 'app'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, halfSize, 0)
          defaultOutboundAccess: false
          natGateway: hasNatGateway
            ? {
                id: natGateway.id
              }
            : null
          delegations: [
            {
              name: 'flex-consumption'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, halfSize, 1)
          defaultOutboundAccess: false
          networkSecurityGroup: {
            id: endpointRules.id
          }
          privateEndpointNetworkPolicies: 'NetworkSecurityGroupEnabled'
        }
      }
    ]
  }
}

resource dnsZones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for zone in dnsZoneNames: {
    name: zone
    location: 'global'
    tags: tags
  }
]

resource dnsLinks 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (zone, index) in dnsZoneNames: {
    parent: dnsZones[index]
    name: name
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: network.id
      }
    }
  }
]

@description('Resource id of the subnet that the app runs in.')
output appSubnetId string = network.properties.subnets[0].id

@description('Resource id of the subnet of the private endpoints.')
output endpointSubnetId string = network.properties.subnets[1].id

@description('The address that what leaves the network comes from; empty without NAT gateway.')
output outboundAddress string = hasNatGateway ? publicAddress!.properties.ipAddress : ''
