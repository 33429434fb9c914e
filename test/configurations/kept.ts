/** Elements of an identifying type that stay, and why. By `Type.element` of the definition. */
export const KEPT: Record<string, string> = {
  'Address.country': 'larger than a state',
  'Address.state': 'Safe Harbor lets states stay',
  'Reference.type': 'the name of a resource type',
  'SampledData.data': 'numbers and the letters E, U and L',
  'QuestionnaireResponse.questionnaire': 'says which questions were answered',
  'QuestionnaireResponse.item.linkId': 'says which question was answered',
  'Questionnaire.item.linkId': 'the same of the questionnaire',
  'Contract.term.action.linkId': 'the number of a clause',
  'Contract.term.asset.linkId': 'the number of a clause',
  'Contract.term.asset.valuedItem.linkId': 'the number of a clause',
  'Contract.term.offer.linkId': 'the number of a clause',
};
