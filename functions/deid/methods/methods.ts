import type { FhirModel } from '../model/fhirModel.js';
import type { Configuration } from '../configuration/configuration.js';
import type { KeyBytes } from '../configuration/keys.js';
import type { Rule } from '../configuration/rule.js';
import { Hasher } from './cryptoHash.js';
import { dateShift } from './dateShift.js';
import { encrypt } from './encrypt.js';
import { Generalizer } from './generalize.js';
import type { Target, ValueMethod } from './method.js';
import { perturb } from './perturb.js';
import { Redactor } from './redact.js';
import { Replacement } from './substitute.js';

/** The methods of one configuration, with its keys and settings. */
export class Methods {
  readonly redactor: Redactor;
  private readonly hasher: Hasher;
  private readonly encrypter: ValueMethod;
  private readonly generalizers = new Map<number, Generalizer>();
  private readonly replacements = new Map<number, Replacement>();

  /** @param now milliseconds since the epoch, from which ages are measured */
  constructor(configuration: Configuration, model: FhirModel, keys: KeyBytes, now: number) {
    this.redactor = new Redactor(configuration.parameters, now);
    this.hasher = new Hasher(configuration.parameters, keys.cryptoHash, model.resourceNames());
    this.encrypter = encrypt(keys.encrypt);
    for (const { index, method } of configuration.rules) {
      if (method.name === 'generalize') this.generalizers.set(index, new Generalizer(method));
      if (method.name === 'substitute') this.replacements.set(index, new Replacement(method.replaceWith));
    }
  }

  /** A rule's work on the value of one kind of primitive; null where it leaves the value. Not for `generalize`. */
  valueMethod(rule: Rule, target: Target): ValueMethod | null {
    switch (rule.method.name) {
      case 'redact':
        return this.redactor.on(target, rule.method.above);
      case 'dateShift':
        return dateShift(target, rule.index, this.redactor);
      case 'cryptoHash':
        return this.hasher.on(target);
      case 'encrypt':
        return this.encrypter;
      case 'substitute':
        return this.replacement(rule).ofValue;
      case 'perturb':
        return perturb(target, rule.method);
      case 'keep':
      case 'generalize':
        return null;
    }
  }

  generalizer(rule: Rule): Generalizer {
    return this.generalizers.get(rule.index) as Generalizer;
  }

  replacement(rule: Rule): Replacement {
    return this.replacements.get(rule.index) as Replacement;
  }
}
