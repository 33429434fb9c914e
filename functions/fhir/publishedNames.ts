/*
 * Names that HL7 has published: docs/fhir-facts.md says from where. One more is one word.
 */

/** Below `http://hl7.org/fhir/StructureDefinition/`: the extensions of R4 and of the extensions pack. */
export const EXTENSION_NAMES = `
  11179-objectClass 11179-objectClassProperty 11179-permitted-value-conceptmap 11179-permitted-value-valueset
  DiagnosticReport-geneticsAnalysis DiagnosticReport-geneticsAssessedCondition
  DiagnosticReport-geneticsFamilyMemberHistory DiagnosticReport-geneticsReferences _datatype
  additional-resource-compartment additional-resource-reference-target additionalIdentifier address-official
  allergyintolerance-abatement allergyintolerance-assertedDate allergyintolerance-certainty
  allergyintolerance-duration allergyintolerance-reasonRefuted allergyintolerance-resolutionAge
  allergyintolerance-substanceExposureRisk alternate-canonical alternate-codes alternate-hash
  alternate-reference annotationType artifact-author artifact-contact artifact-contactDetailReference
  artifact-copyright artifact-copyrightLabel artifact-date artifact-description artifact-editor
  artifact-endorser artifact-experimental artifact-extended-contact-detail artifact-identifier
  artifact-jurisdiction artifact-name artifact-periodDuration artifact-publisher artifact-purpose
  artifact-relatedArtifact artifact-reviewer artifact-status artifact-title artifact-topic artifact-url
  artifact-useContext artifact-version artifact-versionAlgorithm auditevent-Accession
  auditevent-AlternativeUserID auditevent-Anonymized auditevent-Encrypted auditevent-Instance
  auditevent-Lifecycle auditevent-MPPS auditevent-NumberOfInstances auditevent-OnBehalfOf
  auditevent-ParticipantObjectContainsStudy auditevent-SOPClass binding-concept-domain
  biologicallyderivedproduct-collection-procedure biologicallyderivedproduct-intendedRecipient
  biologicallyderivedproduct-manipulation biologicallyderivedproduct-processing blinded-role bodySite
  businessEvent canonicalresource-short-description capabilitystatement-declared-profile
  capabilitystatement-expectation capabilitystatement-prohibited capabilitystatement-search-mode
  capabilitystatement-search-parameter-combination capabilitystatement-search-parameter-use
  capabilitystatement-supported-system capabilitystatement-websocket careplan-activity-title careteam-alias
  characteristicExpression citation-societyAffiliation codesystem-alternate codesystem-author
  codesystem-authoritativeSource codesystem-concept-comments codesystem-conceptOrder codesystem-effectiveDate
  codesystem-expirationDate codesystem-history codesystem-keyWord codesystem-label codesystem-map
  codesystem-otherName codesystem-properties-mode codesystem-property-valueset codesystem-replacedby
  codesystem-sourceReference codesystem-trusted-expansion codesystem-usage codesystem-use-markdown
  codesystem-warning codesystem-workflowStatus coding-conformance coding-purpose coding-sctdescid
  communication-media communicationrequest-initiatingLocation complies-with-canonical
  composition-clinicaldocument-otherConfidentiality composition-clinicaldocument-versionNumber
  composition-section-subject concept-bidirectional condition-assertedDate condition-diseaseCourse
  condition-dueTo condition-occurredFollowing condition-outcome condition-related condition-reviewed
  condition-ruledOut confidential consent-NotificationEndpoint consent-ResearchStudyContext consent-Transcriber
  consent-Witness consent-location consent-provision-expression consent-provision-limit contactpoint-area
  contactpoint-comment contactpoint-country contactpoint-extension contactpoint-local contactpoint-multiple-use
  contactpoint-purpose cqf-alternativeExpression cqf-calculatedValue cqf-cdsHooksEndpoint cqf-certainty
  cqf-citation cqf-contactAddress cqf-contactReference cqf-contributionTime cqf-cqlOptions
  cqf-directReferenceCode cqf-encounterClass cqf-encounterType cqf-expression cqf-initialValue
  cqf-initiatingOrganization cqf-initiatingPerson cqf-inputParameters cqf-isPrefetchToken
  cqf-knowledgeCapability cqf-knowledgeRepresentationLevel cqf-library cqf-logicDefinition cqf-measureInfo
  cqf-parameterDefinition cqf-qualityOfEvidence cqf-receivingOrganization cqf-receivingPerson
  cqf-recipientLanguage cqf-recipientType cqf-relativeDateTime cqf-strengthOfRecommendation
  cqf-supportedCqlVersion cqf-supportingEvidence cqf-supportingEvidenceDefinition cqf-systemUserLanguage
  cqf-systemUserTaskContext cqf-systemUserType cqf-targetInvariant cqm-ValidityPeriod data-absent-reason
  datatype-short-string derivation-reference designNote detectedissue-doseType device-commercialBrand
  device-conformsTo-source device-endpoint device-gateway device-implantStatus device-lastmaintenancetime
  device-maintenanceresponsibility device-operation-cycle device-operation-duration device-operation-mode
  devicerequest-patientInstruction diagnosticReport-addendumOf diagnosticReport-extends diagnosticReport-focus
  diagnosticReport-locationPerformed diagnosticReport-replaces diagnosticReport-risk diagnosticReport-summaryOf
  diagnosticReport-workflowStatus display documentreference-sourcepatient documentreference-thumbnail
  dosage-conditions dosage-minimumGapBetweenDose elementSource elementdefinition-allowedUnits
  elementdefinition-bestpractice elementdefinition-bestpractice-explanation elementdefinition-bindingName
  elementdefinition-conceptmap elementdefinition-defaulttype elementdefinition-equivalence
  elementdefinition-graphConstraint elementdefinition-identifier elementdefinition-inheritedExtensibleValueSet
  elementdefinition-isCommonBinding elementdefinition-maxValueSet elementdefinition-minValueSet
  elementdefinition-namespace elementdefinition-pattern elementdefinition-profile-element
  elementdefinition-question elementdefinition-selector elementdefinition-suppress
  elementdefinition-translatable elementdefinition-type-must-support encounter-associatedEncounter
  encounter-modeOfArrival encounter-reasonCancelled encounter-recordLinkage endpoint-fhir-version
  entered-in-error-status entryFormat event-basedOn event-eventHistory event-location event-partOf
  event-performerFunction event-statusReason evidence-variable-handling-detail extended-contact-availability
  extension-quantity-translation external-communication family-member-history-genetics-observation
  family-member-history-genetics-parent family-member-history-genetics-sibling familymemberhistory-abatement
  familymemberhistory-patient-record familymemberhistory-severity familymemberhistory-type feature-assertion
  firstCreated flag-detail flag-priority geolocation goal-acceptance goal-reasonRejected goal-relationship
  healthcareservice-schedulable hla-genotyping-results-allele-database hla-genotyping-results-glstring
  hla-genotyping-results-haploid hla-genotyping-results-method http-response-header humanname-assembly-order
  humanname-fathers-family humanname-mothers-family humanname-own-name humanname-own-prefix
  humanname-partner-name humanname-partner-prefix identifier-checkDigit identifier-jurisdiction
  identifier-validDate immunization-procedure implementationguide-sourceFile individual-genderIdentity
  individual-pronouns individual-recordedSexOrGender inherit-obligations intended-context iso21090-AD-use
  iso21090-ADXP-additionalLocator iso21090-ADXP-buildingNumberSuffix iso21090-ADXP-careOf
  iso21090-ADXP-censusTract iso21090-ADXP-delimiter iso21090-ADXP-deliveryAddressLine
  iso21090-ADXP-deliveryInstallationArea iso21090-ADXP-deliveryInstallationQualifier
  iso21090-ADXP-deliveryInstallationType iso21090-ADXP-deliveryMode iso21090-ADXP-deliveryModeIdentifier
  iso21090-ADXP-direction iso21090-ADXP-houseNumber iso21090-ADXP-houseNumberNumeric iso21090-ADXP-postBox
  iso21090-ADXP-precinct iso21090-ADXP-streetAddressLine iso21090-ADXP-streetName iso21090-ADXP-streetNameBase
  iso21090-ADXP-streetNameType iso21090-ADXP-unitID iso21090-ADXP-unitType iso21090-EN-qualifier
  iso21090-EN-representation iso21090-EN-use iso21090-PQ-translation iso21090-SC-coding iso21090-TEL-address
  iso21090-codedString iso21090-nullFlavor iso21090-preferred iso21090-uncertainty iso21090-uncertaintyType
  itemWeight language largeValue lastSourceSync list-category list-changeBase list-for location-boundary-geojson
  location-communication location-distance match-grade maxDecimalPlaces maxSize maxValue
  medication-characteristic medication-classification medication-manufacturer medication-manufacturingBatch
  medication-type medicationdispense-quantityRemaining medicationdispense-refillsRemaining
  messageheader-response-request metadataresource-publish-date mimeType minLength minValue
  namingsystem-checkDigit narrative-language-control narrative-source-control narrativeLink no-fixed-address
  note nutritionorder-adaptiveFeedingDevice obligation obligation-profile-flag obligations-profile
  observation-analysis-date-time observation-bodyPosition observation-componentCategory observation-delta
  observation-deviceCode observation-focusCode observation-gatewayDevice observation-geneticsAllele
  observation-geneticsAminoAcidChange observation-geneticsAncestry observation-geneticsCopyNumberEvent
  observation-geneticsDNARegionName observation-geneticsGene observation-geneticsGenomicSourceClass
  observation-geneticsInterpretation observation-geneticsPhaseSet observation-geneticsVariant
  observation-human-transcribed observation-nature-of-abnormal-test observation-precondition observation-reagent
  observation-replaces observation-secondaryFinding observation-sequelTo observation-specimenCode
  observation-structure-type observation-structureLaterality observation-supportingDevice observation-timeOffset
  observation-v2-subid observationdefinition-supportingDevice openEHR-administration openEHR-careplan
  openEHR-exposureDate openEHR-exposureDescription openEHR-exposureDuration openEHR-location openEHR-management
  openEHR-test operationdefinition-allowed-type operationdefinition-profile operationoutcome-authority
  operationoutcome-detectedIssue operationoutcome-file operationoutcome-instance-id operationoutcome-issue-col
  operationoutcome-issue-context operationoutcome-issue-line operationoutcome-issue-server
  operationoutcome-issue-slicetext operationoutcome-issue-source operationoutcome-message-id ordinalValue
  organization-brand organization-period organization-portal organization-preferredContact
  organizationaffiliation-primaryInd originalText parameters-definition parameters-fullUrl patient-adoptionInfo
  patient-animal patient-birthPlace patient-birthTime patient-bornStatus patient-cadavericDonor
  patient-citizenship patient-congregation patient-contactPriority patient-disability patient-fetalStatus
  patient-genderIdentity patient-importance patient-interpreterRequired patient-knownNonDuplicate
  patient-mothersMaidenName patient-multipleBirthTotal patient-nationality patient-preferenceType
  patient-preferredPharmacy patient-proficiency patient-relatedPerson patient-religion
  patient-sexParameterForClinicalUse patient-unknownIdentity perform-condition practitioner-animalSpecies
  practitioner-job-title practitionerrole-doingBusinessAs practitionerrole-employmentStatus
  practitionerrole-primaryInd preferredTerminologyServer preferredValueAlternatives
  procedure-approachBodyStructure procedure-causedBy procedure-directedBy procedure-incisionDateTime
  procedure-method procedure-progressStatus procedure-schedule procedure-targetBodyStructure profile-mapping
  quantity-accuracy quantity-confidenceInterval quantity-precision questionnaire-baseType
  questionnaire-choiceOrientation questionnaire-constraint questionnaire-definitionBased
  questionnaire-derivationType questionnaire-displayCategory questionnaire-fhirType questionnaire-hidden
  questionnaire-index-answer questionnaire-itemControl questionnaire-maxOccurs questionnaire-minOccurs
  questionnaire-optionExclusive questionnaire-optionPrefix questionnaire-optionRestriction
  questionnaire-referenceFilter questionnaire-referenceProfile questionnaire-referenceResource
  questionnaire-signatureRequired questionnaire-sliderStepValue questionnaire-supportHyperlink
  questionnaire-supportLink questionnaire-unit questionnaire-unitOption questionnaire-unitValueSet
  questionnaire-usageMode questionnaireresponse-attester questionnaireresponse-author
  questionnaireresponse-completionMode questionnaireresponse-reason questionnaireresponse-reviewer
  questionnaireresponse-signature rdf-concept-iri referencesContained regex relative-date relative-time
  rendered-value rendering-markdown rendering-style rendering-styleSensitive rendering-xhtml replaces
  request-doNotPerform request-insurance request-performerOrder request-relevantHistory request-replaces
  request-statusReason requirements-parent researchStudy-interventionalistRecruitment
  researchStudy-investigatorRecruitment researchStudy-siteRecruitment researchStudy-studyRegistration
  resolve-as-version-specific resource-approvalDate resource-effectivePeriod resource-instance-description
  resource-instance-name resource-lastReviewDate resource-pertainsToGoal satisfies-requirement
  servicerequest-geneticsItem servicerequest-order-callback-phone-number servicerequest-precondition
  servicerequest-questionnaireRequest servicerequest-specimenSuggestion specimen-additive
  specimen-collectionPriority specimen-isDryWeight specimen-processingTime specimen-reject-reason
  specimen-sequenceNumber specimen-specialHandling statistic-model-include-if structuredefinition-ancestor
  structuredefinition-applicable-version structuredefinition-category structuredefinition-codegen-super
  structuredefinition-compliesWithProfile structuredefinition-conformance-derivedFrom
  structuredefinition-dependencies structuredefinition-display-hint structuredefinition-explicit-type-name
  structuredefinition-extension-meaning structuredefinition-fhir-type structuredefinition-fmm
  structuredefinition-fmm-no-warnings structuredefinition-fmm-support structuredefinition-hierarchy
  structuredefinition-implements structuredefinition-imposeProfile structuredefinition-inheritance-control
  structuredefinition-interface structuredefinition-normative-version structuredefinition-security-category
  structuredefinition-standards-status structuredefinition-standards-status-reason structuredefinition-summary
  structuredefinition-table-name structuredefinition-template-status structuredefinition-type-characteristics
  structuredefinition-wg structuredefinition-xml-no-order subject-locationClassification
  subscription-best-effort supplydelivery-previousDelivery synchronicity-control target-feature-assertion
  targetConstraint targetElement targetPath task-candidateList task-replaces
  terminology-resource-identifier-metadata textLink time-precision timezone timing-dayOfMonth timing-daysOfCycle
  timing-exact timing-uncertainDate translation tz-code tz-offset uncertainPeriod usagecontext-group
  valueset-activityStatusDate valueset-author valueset-authoritativeSource valueset-caseSensitive
  valueset-compose-createdBy valueset-compose-creationDate valueset-compose-include-valueSetTitle
  valueset-concept-comments valueset-concept-definition valueset-conceptOrder valueset-deprecated
  valueset-effectiveDate valueset-expand-group valueset-expand-rules valueset-expansion-parameter
  valueset-expansionSource valueset-expirationDate valueset-expression valueset-extensible valueset-keyWord
  valueset-label valueset-map valueset-otherName valueset-otherTitle valueset-parameterSource valueset-reference
  valueset-rules-text valueset-select-by-map valueset-sourceReference valueset-special-status valueset-steward
  valueset-supplement valueset-system valueset-systemName valueset-systemRef valueset-toocostly
  valueset-trusted-expansion valueset-unclosed valueset-usage valueset-warning valueset-workflowStatus
  valueset-workflowStatusDescription variable version-specific-use version-specific-value web-source
  workflow-adheresTo workflow-barrier workflow-compliesWith workflow-episodeOfCare workflow-followOnOf
  workflow-generatedFrom workflow-instantiatesCanonical workflow-instantiatesUri workflow-protectiveFactor
  workflow-reason workflow-reasonCode workflow-reasonReference workflow-relatedArtifact workflow-releaseDate
  workflow-researchStudy workflow-shallComplyWith workflow-statusReason workflow-supportingInfo
  workflow-triggeredBy`;

/** Below `http://hl7.org/fhir/us/core/StructureDefinition/`: the extensions of US Core. */
export const US_CORE_NAMES = `
  us-core-authentication-time us-core-birthsex us-core-direct us-core-ethnicity
  us-core-extension-questionnaire-uri us-core-familymemberhistory-recorder us-core-genderIdentity
  us-core-individual-sex us-core-interpreter-needed us-core-jurisdiction us-core-medication-adherence
  us-core-race us-core-sex us-core-tribal-affiliation`;

/** Code systems below `http://hl7.org/fhir/`. */
export const FHIR_SYSTEM_NAMES = `
  FHIR-version abstract-types account-status action-cardinality-behavior action-condition-kind
  action-grouping-behavior action-participant-type action-precheck-behavior action-relationship-type
  action-required-behavior action-selection-behavior additionalmaterials address-type address-use
  administrative-gender adverse-event-actuality allergy-intolerance-category allergy-intolerance-criticality
  allergy-intolerance-type animal-genderstatus animal-species appointmentstatus assert-direction-codes
  assert-operator-codes assert-response-code-types asset-availability audit-event-action audit-event-outcome
  binding-strength bundle-type capability-statement-kind care-plan-activity-status care-team-status
  chargeitem-status claim-use code-search-support codesystem-content-mode codesystem-hierarchy-meaning
  compartment-type composition-attestation-mode composition-status concept-map-equivalence concept-properties
  concept-property-type concept-subsumption-outcome conceptmap-unmapped-mode conditional-delete-status
  conditional-read-status consent-data-meaning consent-provision-type consent-state-codes consentperformer
  constraint-severity contact-point-system contact-point-use contract-action-status contract-asset-context
  contract-asset-scope contract-asset-subtype contract-asset-type contract-decision-mode
  contract-definition-subtype contract-definition-type contract-expiration-type contract-legalstate
  contract-party-role contract-publicationstatus contract-scope contract-security-category
  contract-security-classification contract-security-control contract-status contributor-type data-types
  days-of-week definition-resource-types detectedissue-severity detectedissue-status device-action
  device-definition-status device-nametype device-statement-status device-status diagnostic-report-status
  discriminator-type document-mode document-reference-status document-relationship-type
  eligibilityrequest-purpose eligibilityresponse-purpose encounter-location-status encounter-status
  endpoint-status episode-of-care-status event-capability-mode event-resource-types event-status event-timing
  ex-claimitemtype ex-fdi ex-onsettype ex-oralprostho ex-pharmaservice ex-servicemodifier ex-serviceproduct
  ex-udi examplescenario-actor-type explanationofbenefit-status exposure-state expression-language
  extension-context-type extra-activity-type feeding-device filter-operator flag-priority-code flag-status
  fm-conditions fm-status gender-identity goal-status goal-status-reason graph-compartment-rule
  graph-compartment-use group-measure group-type guidance-response-status guide-page-generation
  guide-parameter-code history-status http-operations http-verb identifier-use identity-assuranceLevel
  imagingstudy-status intervention invoice-priceComponentType invoice-status issue-severity issue-type item-type
  knowledge-resource-types language-preference-type link-type linkage-type list-mode list-status location-mode
  location-status map-context-type map-group-type-mode map-input-mode map-model-mode map-source-list-mode
  map-target-list-mode map-transform measure-report-status measure-report-type message-events
  message-significance-category messageheader-response-request metric-calibration-state metric-calibration-type
  metric-category metric-color metric-operational-status name-use namingsystem-identifier-type namingsystem-type
  narrative-status network-type note-type observation-range-category observation-status operation-kind
  operation-parameter-use organization-role orientation-type participantrequired participationstatus
  permitted-data-type practitioner-specialty procedure-progress-status-code product-category product-status
  product-storage-scale property-representation provenance-entity-role provenance-participant-role
  publication-status quality-type quantity-comparator questionnaire-answers-status
  questionnaire-display-category questionnaire-enable-behavior questionnaire-enable-operator
  questionnaire-item-control reaction-event-severity reason-medication-not-given reference-handling-policy
  reference-version-rules related-artifact-type relation-type relationship remittance-outcome
  report-action-result-codes report-participant-type report-result-codes report-status-codes repository-type
  request-intent request-priority request-resource-types request-status research-element-type
  research-study-status research-subject-status resource-aggregation-mode resource-slicing-rules resource-status
  resource-types resource-validation-mode response-code restful-capability-mode restful-interaction
  search-comparator search-entry-mode search-modifier-code search-param-type search-xpath-usage
  secondary-finding sequence-type slotstatus sort-direction spdx-license specimen-contained-preference
  specimen-status strand-type structure-definition-kind subscription-channel-type subscription-status
  substance-status supplydelivery-status supplyrequest-status task-intent task-status transaction-mode
  trigger-type type-derivation-rule udi-entry-type unknown-content-code variable-type versioning-policy
  vision-base-codes vision-eye-codes w3c-provenance-activity-type`;

/** Code systems below `http://terminology.hl7.org/CodeSystem/`; some were below `http://hl7.org/fhir/` in STU3. */
export const TERMINOLOGY_NAMES = `
  FDI-surface action-type activity-definition-category adjudication adjudication-error adjudication-reason
  admit-source adverse-event-category adverse-event-causality-assess adverse-event-causality-method
  adverse-event-outcome adverse-event-seriousness adverse-event-severity allerg-intol-substance-exp-risk
  allergyintolerance-clinical allergyintolerance-verification applicability appointment-cancellation-reason
  audit-entity-type audit-event-type basic-resource-type benefit-network benefit-term benefit-type benefit-unit
  can-push-updates catalogType certainty-subcomponent-rating certainty-subcomponent-type chargeitem-billingcodes
  choice-list-orientation chromosome-human claim-exception claim-type claimcareteamrole claiminformationcategory
  codesystem-altcode-kind common-tags communication-category communication-not-done-reason communication-topic
  composite-measure-scoring composition-altcode-kind condition-category condition-clinical condition-state
  condition-ver-status conformance-expectation consentaction consentcategorycodes consentpolicycodes
  consentscope contactentity-type container-cap contract-content-derivative contract-data-meaning contract-type
  contractaction contractactorrole contractsignertypecodes contractsubtypecodes contracttermsubtypecodes
  contracttermtypecodes copy-number-event coverage-class coverage-copay-type coverage-selfpay
  coverageeligibilityresponse-ex-auth-support data-absent-reason definition-status definition-topic
  definition-use device-status-reason diagnosis-role dicom-audit-lifecycle diet discharge-disposition
  dose-rate-type effect-estimate-type encounter-special-arrangements encounter-type endpoint-connection-type
  endpoint-payload-type entformula-additive episodeofcare-type evidence-quality evidence-variant-state ex-USCLS
  ex-benefitcategory ex-claimsubtype ex-coverage-financial-exception ex-diagnosis-on-admission
  ex-diagnosisrelatedgroup ex-diagnosistype ex-payee-resource-type ex-paymenttype ex-procedure-type
  ex-programcode ex-providerqualification ex-relatedclaimrelationship ex-revenue-center ex-serviceplace ex-tooth
  ex-visionprescriptionproduct expansion-parameter-source expansion-processing-rule extra-security-role-type
  failure-action financialtaskcode financialtaskinputtype flag-category forms-codes fundsreserve
  goal-acceptance-status goal-achievement goal-category goal-priority goal-relationship-type handling-condition
  history-absent-reason hl7-work-group immunization-evaluation-dose-status
  immunization-evaluation-dose-status-reason immunization-funding-source immunization-origin
  immunization-program-eligibility immunization-recommendation-status immunization-subpotent-reason
  implantStatus insurance-plan-type iso-21089-lifecycle library-type list-empty-reason list-example-use-codes
  list-order location-physical-type match-grade measure-data-usage measure-improvement-notation
  measure-population measure-scoring measure-type med-admin-perform-function media-modality media-type
  medication-admin-category medication-admin-status medication-statement-category
  medicationdispense-performer-function medicationdispense-status medicationknowledge-characteristic
  medicationknowledge-package-type medicationknowledge-status medicationrequest-category
  medicationrequest-course-of-therapy medicationrequest-status-reason message-reasons-encounter
  message-transport missingtoothreason modifiers name-assembly-order need object-role observation-category
  observation-statistics operation-outcome organization-type parameter-group participant-type payeetype
  payment-adjustment-reason payment-type paymentstatus plan-definition-type practitioner-role
  precision-estimate-type primary-source-type processpriority program provenance-participant-type
  push-type-available question-max-occurs questionnaire-usage-mode reaction-event-certainty
  reason-medication-given recommendation-strength referencerange-meaning rejection-criteria
  research-study-objective-type research-study-phase research-study-prim-purp-type research-study-reason-stopped
  resource-security-category resource-type-link restful-security-service risk-estimate-type risk-probability
  security-source-type service-category service-provision-conditions service-referral-method service-type
  smart-capabilities special-values standards-status study-type subscriber-relationship subscription-tag
  substance-category supply-item-type supply-kind supplyrequest-reason synthesis-type testscript-operation-codes
  testscript-profile-destination-types testscript-profile-origin-types usage-context-type validation-process
  validation-status validation-type variant-state verificationresult-communication-method`;

/** Tables of HL7 Version 2. */
export const V2_TABLES = `
  0001 0002 0003 0004 0007 0008 0009 0012 0017 0023 0027 0033 0034 0038 0043 0048 0052 0061 0062 0063 0065 0066
  0069 0070 0074 0076 0078 0080 0083 0085 0091 0092 0098 0100 0102 0103 0104 0105 0106 0107 0108 0109 0116 0119
  0121 0122 0123 0124 0126 0127 0128 0130 0131 0133 0135 0136 0137 0140 0141 0142 0144 0145 0146 0147 0148 0149
  0150 0153 0155 0156 0157 0158 0159 0160 0161 0162 0163 0164 0165 0166 0167 0168 0169 0170 0173 0174 0175 0177
  0178 0179 0180 0181 0183 0185 0187 0189 0190 0191 0193 0200 0201 0202 0203 0204 0205 0206 0207 0208 0209 0210
  0211 0213 0214 0215 0216 0217 0220 0223 0224 0225 0227 0228 0229 0230 0231 0232 0234 0235 0236 0237 0238 0239
  0240 0241 0242 0243 0247 0248 0250 0251 0252 0253 0254 0255 0256 0257 0258 0259 0260 0261 0262 0263 0265 0267
  0268 0269 0270 0271 0272 0273 0275 0276 0277 0278 0279 0280 0281 0282 0283 0284 0286 0287 0290 0291 0292 0294
  0298 0299 0301 0305 0309 0311 0315 0316 0317 0321 0322 0323 0324 0325 0326 0329 0330 0331 0332 0334 0335 0336
  0337 0338 0339 0344 0350 0351 0354 0355 0356 0357 0359 0360 0363 0364 0365 0366 0367 0368 0369 0370 0371 0372
  0373 0374 0375 0376 0377 0383 0384 0387 0388 0389 0392 0393 0394 0395 0396 0397 0398 0401 0402 0403 0404 0406
  0409 0411 0415 0416 0417 0418 0421 0422 0423 0424 0425 0426 0427 0428 0429 0430 0431 0432 0433 0434 0435 0436
  0437 0438 0440 0441 0442 0443 0444 0445 0450 0455 0456 0457 0459 0460 0465 0466 0468 0469 0470 0472 0473 0474
  0475 0477 0478 0480 0482 0483 0484 0485 0487 0488 0489 0490 0491 0492 0493 0494 0495 0496 0497 0498 0499 0500
  0501 0502 0503 0504 0505 0506 0507 0508 0510 0511 0513 0514 0516 0517 0518 0520 0523 0524 0527 0528 0529 0530
  0534 0535 0536 0538 0540 0544 0547 0548 0550 0553 0554 0555 0556 0557 0558 0559 0561 0562 0564 0565 0566 0569
  0570 0571 0572 0615 0616 0617 0618 0625 0634 0642 0651 0653 0657 0659 0667 0669 0682 0702 0717 0719 0725 0728
  0731 0734 0739 0742 0749 0755 0757 0759 0761 0763 0776 0778 0790 0793 0806 0818 0834 0868 0871 0881 0882 0894
  0895 0904 0905 0906 0907 0909 0912 0914 0916 0917 0918 0919 0920 0921 0922 0923 0924 0925 0926 0927 0933 0935
  4000`;

/** Code systems of HL7 Version 3. */
export const V3_SYSTEMS = `
  AcknowledgementCondition AcknowledgementDetailCode AcknowledgementDetailType AcknowledgementType ActClass
  ActCode ActExposureLevelCode ActInvoiceElementModifier ActMood ActPriority ActReason ActRelationshipCheckpoint
  ActRelationshipJoin ActRelationshipSplit ActRelationshipSubset ActRelationshipType ActSite ActStatus
  ActUSPrivacyLaw ActUncertainty AddressPartType AddressUse AdministrativeGender
  AmericanIndianAlaskaNativeLanguages Calendar CalendarCycle CalendarType Charset CodingRationale
  CommunicationFunctionType CompressionAlgorithm Confidentiality ContainerCap ContainerSeparator
  ContentProcessingMode ContextControl DataOperation Dentition DeviceAlertLevel DocumentCompletion
  DocumentStorage EducationLevel EmployeeJobClass EncounterAdmissionSource EncounterSpecialCourtesy EntityClass
  EntityCode EntityDeterminer EntityHandling EntityNamePartQualifier EntityNamePartQualifierR2
  EntityNamePartType EntityNamePartTypeR2 EntityNameUse EntityNameUseR2 EntityRisk EntityStatus
  EquipmentAlertLevel Ethnicity ExposureMode GTSAbbreviation GenderStatus HL7ContextConductionStyle
  HL7StandardVersionCode HL7UpdateMode HtmlLinkType IdentifierReliability IdentifierScope
  IntegrityCheckAlgorithm LanguageAbilityMode LanguageAbilityProficiency LivingArrangement LocalMarkupIgnore
  LocalRemoteControlState ManagedParticipationStatus MapRelationship MaritalStatus MessageWaitingPriority
  ModifyIndicator NullFlavor ObservationCategory ObservationInterpretation ObservationMethod ObservationValue
  ParticipationFunction ParticipationMode ParticipationSignature ParticipationType PatientImportance
  PaymentTerms PersonDisabilityType ProbabilityDistributionType ProcessingID ProcessingMode QueryParameterValue
  QueryPriority QueryRequestLimit QueryResponse QueryStatusCode Race RelationalOperator RelationshipConjunction
  ReligiousAffiliation ResponseLevel ResponseModality ResponseMode RoleClass RoleCode RoleLinkStatus
  RoleLinkType RoleStatus RouteOfAdministration Sequencing SetOperator SpecimenType SubstitutionCondition
  TableCellHorizontalAlign TableCellScope TableCellVerticalAlign TableFrame TableRules TargetAwareness
  TelecommunicationCapabilities TimingEvent TransmissionRelationshipTypeCode TribalEntityUS VaccineManufacturer
  WorkClassificationODH hl7ApprovalStatus hl7CMETAttribution hl7ITSType hl7ITSVersionCode hl7PublishingDomain
  hl7PublishingSection hl7PublishingSubSection hl7Realm hl7V3Conformance hl7VoteResolution orderableDrugForm
  policyHolderRole styleType substanceAdminSubstitution triggerEventID`;
