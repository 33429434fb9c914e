import { FHIR_VERSIONS, type FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { FhirModel } from '../../functions/deid/model/fhirModel.js';
import type { FhirElement, FhirType } from '../../functions/deid/model/types.js';
import { codedTypesOf, typesOf, type DeclaredElement } from './fhirDeclarations.js';

/**
 * Choices of which one must be there: in TypeScript each of their elements is optional. From the StructureDefinitions of
 * STU3 (3.0.2) and R4 (4.0.1), and for R4B and R5 from the classes that Firely's SDK makes of theirs: docs/fhir-facts.md.
 */
const REQUIRED_CHOICES: Readonly<Record<FhirVersion, string>> = {
  STU3: `
    Claim.diagnosis.diagnosis
    Claim.procedure.procedure
    ClinicalImpression.finding.item
    CodeSystem.concept.property.value
    Communication.payload.content
    CommunicationRequest.payload.content
    Composition.relatesTo.target
    Contract.friendly.content
    Contract.legal.content
    Contract.rule.content
    DeviceRequest.code
    DocumentManifest.content.p
    ElementDefinition.example.value
    ExplanationOfBenefit.diagnosis.diagnosis
    ExplanationOfBenefit.procedure.procedure
    Group.characteristic.value
    ImplementationGuide.package.resource.source
    Medication.ingredient.item
    Medication.package.content.item
    MedicationAdministration.effective
    MedicationAdministration.medication
    MedicationDispense.medication
    MedicationRequest.medication
    MedicationStatement.medication
    OperationDefinition.parameter.binding.valueSet
    Provenance.agent.who
    Provenance.entity.what
    Questionnaire.item.option.value
    Signature.who
    StructureMap.group.rule.target.parameter.value
    Substance.ingredient.substance
    Task.input.value
    Task.output.value
    UsageContext.value`,
  R4: `
    AuditEvent.entity.detail.value
    Claim.diagnosis.diagnosis
    Claim.procedure.procedure
    CodeSystem.concept.property.value
    Communication.payload.content
    CommunicationRequest.payload.content
    Composition.relatesTo.target
    Contract.friendly.content
    Contract.legal.content
    Contract.rule.content
    Contract.term.offer.answer.value
    Coverage.costToBeneficiary.value
    DeviceRequest.code
    ElementDefinition.example.value
    EvidenceVariable.characteristic.definition
    ExplanationOfBenefit.diagnosis.diagnosis
    ExplanationOfBenefit.procedure.procedure
    Group.characteristic.value
    GuidanceResponse.module
    Immunization.occurrence
    Immunization.protocolApplied.doseNumber
    ImplementationGuide.definition.page.name
    Invoice.lineItem.chargeItem
    Medication.ingredient.item
    MedicationAdministration.effective
    MedicationAdministration.medication
    MedicationDispense.medication
    MedicationKnowledge.administrationGuidelines.patientCharacteristics.characteristic
    MedicationKnowledge.ingredient.item
    MedicationRequest.medication
    MedicationRequest.substitution.allowed
    MedicationStatement.medication
    MedicinalProductContraindication.otherTherapy.medication
    MedicinalProductIndication.otherTherapy.medication
    MedicinalProductInteraction.interactant.item
    MessageDefinition.event
    MessageHeader.event
    Questionnaire.item.answerOption.value
    Questionnaire.item.enableWhen.answer
    Questionnaire.item.initial.value
    ResearchElementDefinition.characteristic.definition
    SpecimenDefinition.typeTested.container.additive.additive
    StructureMap.group.rule.target.parameter.value
    Substance.ingredient.substance
    SupplyRequest.item
    Task.input.value
    Task.output.value
    UsageContext.value`,
  R4B: `
    AuditEvent.entity.detail.value
    Citation.citedArtifact.relatesTo.target
    Citation.relatesTo.target
    Claim.diagnosis.diagnosis
    Claim.procedure.procedure
    ClinicalUseDefinition.interaction.interactant.item
    CodeSystem.concept.property.value
    Communication.payload.content
    CommunicationRequest.payload.content
    Composition.relatesTo.target
    Contract.friendly.content
    Contract.legal.content
    Contract.rule.content
    Contract.term.offer.answer.value
    Coverage.costToBeneficiary.value
    DeviceRequest.code
    ElementDefinition.example.value
    EvidenceReport.relatesTo.target
    EvidenceReport.subject.characteristic.value
    EvidenceVariable.characteristic.definition
    ExplanationOfBenefit.diagnosis.diagnosis
    ExplanationOfBenefit.procedure.procedure
    Group.characteristic.value
    GuidanceResponse.module
    Immunization.occurrence
    Immunization.protocolApplied.doseNumber
    ImplementationGuide.definition.page.name
    Ingredient.substance.strength.referenceStrength.strength
    Invoice.lineItem.chargeItem
    Medication.ingredient.item
    MedicationAdministration.effective
    MedicationAdministration.medication
    MedicationDispense.medication
    MedicationKnowledge.administrationGuidelines.patientCharacteristics.characteristic
    MedicationKnowledge.ingredient.item
    MedicationRequest.medication
    MedicationRequest.substitution.allowed
    MedicationStatement.medication
    MessageDefinition.event
    MessageHeader.event
    NutritionProduct.productCharacteristic.value
    Questionnaire.item.answerOption.value
    Questionnaire.item.enableWhen.answer
    Questionnaire.item.initial.value
    ResearchElementDefinition.characteristic.definition
    SpecimenDefinition.typeTested.container.additive.additive
    StructureMap.group.rule.target.parameter.value
    Substance.ingredient.substance
    SupplyRequest.item
    Task.input.value
    Task.output.value
    UsageContext.value`,
  R5: `
    AdverseEvent.contributingFactor.item
    AdverseEvent.mitigatingAction.item
    AdverseEvent.preventiveAction.item
    AdverseEvent.supportingInfo.item
    AdverseEvent.suspectEntity.instance
    ArtifactAssessment.artifact
    AuditEvent.entity.detail.value
    BiologicallyDerivedProduct.property.value
    Claim.diagnosis.diagnosis
    Claim.event.when
    Claim.procedure.procedure
    ClaimResponse.event.when
    ClinicalUseDefinition.interaction.interactant.item
    CodeSystem.concept.property.value
    Communication.payload.content
    CommunicationRequest.payload.content
    ConceptMap.group.element.target.property.value
    Contract.friendly.content
    Contract.legal.content
    Contract.rule.content
    Contract.term.offer.answer.value
    CoverageEligibilityRequest.event.when
    CoverageEligibilityResponse.event.when
    Device.property.value
    DeviceDefinition.property.value
    DocumentReference.content.profile.value
    ElementDefinition.example.value
    EvidenceReport.subject.characteristic.value
    EvidenceVariable.characteristic.definitionByTypeAndValue.value
    ExplanationOfBenefit.diagnosis.diagnosis
    ExplanationOfBenefit.event.when
    ExplanationOfBenefit.procedure.procedure
    Group.characteristic.value
    GuidanceResponse.module
    Immunization.occurrence
    Ingredient.substance.strength.referenceStrength.strength
    InventoryItem.characteristic.value
    Invoice.lineItem.chargeItem
    MeasureReport.group.stratifier.stratum.component.value
    MedicationAdministration.occurence
    MedicationKnowledge.cost.cost
    MedicationKnowledge.storageGuideline.environmentalSetting.value
    MedicationRequest.substitution.allowed
    MessageDefinition.event
    MessageHeader.event
    NutritionProduct.characteristic.value
    Questionnaire.item.answerOption.value
    Questionnaire.item.enableWhen.answer
    Questionnaire.item.initial.value
    QuestionnaireResponse.item.answer.value
    ServiceRequest.orderDetail.parameter.value
    SpecimenDefinition.typeTested.container.additive.additive
    StructureMap.group.rule.target.parameter.value
    Substance.ingredient.substance
    Task.input.value
    Task.output.value
    Transport.input.value
    Transport.output.value
    UsageContext.value
    ValueSet.expansion.contains.property.subProperty.value
    ValueSet.expansion.contains.property.value`,
};

/** A longer list is a registry (types, licences, languages) rather than a choice: it is not checked. */
const MAX_CODES = 100;

/** Lists of codes that are not binding, by the StructureDefinition. */
const NOT_REQUIRED = new Set(['STU3 Sequence.type']);

/** What a version demands of the elements of each type, by its path: a word an element, as facts.json has them. */
type VersionFacts = ReadonlyMap<string, string>;

/** The text of functions/deid/model/facts.json. */
export function factsFile(): string {
  const codeLists: string[] = [];
  const types = new Map<string, Map<string, string>>();
  for (const version of FHIR_VERSIONS)
    for (const [path, words] of factsOf(version, codeLists)) {
      const ofType = types.get(path) ?? new Map<string, string>();
      types.set(path, ofType.set(words, [ofType.get(words), version].filter(Boolean).join(' ')));
    }
  const lines = [...types].map(([path, ofType]) => {
    const byVersions = Object.fromEntries([...ofType].map(([words, versions]) => [versions, words]));
    return `${JSON.stringify(path)}: ${JSON.stringify(byVersions)}`;
  });
  const lists = codeLists.map((codes) => JSON.stringify(codes));
  return `{\n"codeLists": [\n${lists.join(',\n')}\n],\n"types": {\n${lines.join(',\n')}\n}\n}\n`;
}

function factsOf(version: FhirVersion, codeLists: string[]): VersionFacts {
  const model = FhirModel.of(version);
  const [types, codedTypes] = [typesOf(version), codedTypesOf(version)];
  const choices = new Set(REQUIRED_CHOICES[version].trim().split(/\s+/));
  const found = new Set<string>();
  const facts = new Map<string, string>();
  const visited = new Set<FhirType>();
  const visit = (type: FhirType, name: string, codedName: string): void => {
    if (type.primitive !== null || visited.has(type)) return;
    visited.add(type);
    const words = new Set<string>();
    for (const element of type.elements.values()) {
      const choice = `${type.path}.${element.name}`;
      const [declared, coded] = [
        types.get(name)?.get(element.key),
        codedTypes.get(codedName)?.get(element.key),
      ];
      if (choices.has(choice) && element.name !== element.key) found.add(choice);
      const mark = declared?.isRequired === true || found.has(choice) ? '!' : '';
      const codes = codesOf(version, element, declared, coded);
      const list = codes === undefined ? '' : `:${positionOf(codes, codeLists)}`;
      if (mark + list !== '') words.add(element.name + mark + list);
      if (element.type !== null) visit(element.type, declared?.type ?? '', coded?.type ?? '');
    }
    if (words.size > 0) facts.set(type.path, [...words].join(' '));
  };
  for (const type of model.resourceTypes()) visit(type, type.name, type.name);
  const unknown = [...choices].filter((path) => !found.has(path));
  if (unknown.length > 0) throw new Error(`${version} has no choice ${unknown.join(', ')}.`);
  return facts;
}

/** Only what both packages list: each lists value sets that are open, or of another version, as closed. */
function codesOf(
  version: FhirVersion,
  element: FhirElement,
  declared: DeclaredElement | undefined,
  coded: DeclaredElement | undefined,
): readonly string[] | undefined {
  const lists = [coded?.codes, version === 'STU3' ? coded?.codes : declared?.codes];
  const isChecked =
    element.type?.name === 'code' && lists.every((list) => list !== undefined && list.length <= MAX_CODES);
  return isChecked && !NOT_REQUIRED.has(`${version} ${element.path}`) ? lists[1] : undefined;
}

function positionOf(codes: readonly string[], codeLists: string[]): number {
  const text = [...codes].sort().join(' ');
  const position = codeLists.indexOf(text);
  return position >= 0 ? position : codeLists.push(text) - 1;
}
