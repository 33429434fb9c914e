metadata description = 'Alerts by mail on what somebody has to see to. The queries are those of docs/operations.md.'

@description('Name that the alerts begin with.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Who is written to.')
@minLength(3)
param emailAddress string

var alerts = [
  {
    name: 'exports-fail'
    description: 'Steps of exports failed for good: the job ended without data. The log says which and why.'
    query: 'AppTraces | extend line = parse_json(Message) | where isnotempty(line.jobId) and line.retryable == false'
    threshold: 0
    severity: 2
  }
  {
    name: 'steps-retried'
    description: 'More than 50 steps in an hour had to be tried again: the source or the storage is ill.'
    query: 'AppTraces | extend line = parse_json(Message) | where isnotempty(line.jobId) and line.retryable == true'
    threshold: 50
    severity: 3
  }
  {
    name: 'app-does-not-start'
    description: 'The app does not start: its settings are not usable. The log lists every problem.'
    query: 'union AppTraces, AppExceptions | extend text = coalesce(column_ifexists("Message", ""), column_ifexists("OuterMessage", "")) | where text has "The settings are not usable"'
    threshold: 0
    severity: 1
  }
  {
    name: 'answers-500'
    description: 'Requests were answered with 5xx.'
    query: 'AppRequests | where toint(ResultCode) >= 500'
    threshold: 5
    severity: 2
  }
]

resource receivers 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: '${name}-operators'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'fhir-export'
    emailReceivers: [
      {
        name: 'operators'
        emailAddress: emailAddress
        useCommonAlertSchema: true
      }
    ]
  }
}

resource rules 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for alert in alerts: {
    name: '${name}-${alert.name}'
    location: location
    tags: tags
    properties: {
      displayName: alert.name
      description: alert.description
      severity: alert.severity
      enabled: true
      scopes: [
        workspaceId
      ]
      evaluationFrequency: 'PT15M'
      windowSize: 'PT1H'
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: alert.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: alert.threshold
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [
          receivers.id
        ]
      }
    }
  }
]
