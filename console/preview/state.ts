import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import type {
  CheckedConfiguration,
  Comparison,
  Hello,
  OpenedData,
  PreviewSummary,
  ResourceDifference,
  ResourceResult,
  ResourceTrace,
} from '../engine/protocol.js';

/** What became of a resource, without its text: that of the chosen one is in its trace. */
export type ResultOfResource = Omit<ResourceResult, 'line'>;

/** Which resources, or which elements of one, are listed. */
export type ResourceFilter = 'all' | 'failed' | 'not-valid' | 'unreached' | 'different';
export type ElementFilter = 'all' | 'changed' | 'unreached' | 'not-valid' | 'rule' | 'different';

/** The tabs below the editor, and those beside the list of resources. */
export type ConfigurationTab = 'problems' | 'coverage' | 'rules' | 'keys';
export type ResultTab = 'elements' | 'all';

/** What a file is opened as that is dropped on a pane. */
export type DropTarget = 'configuration' | 'data';

/** The data that is open. */
export interface OpenData extends OpenedData {
  /** As it was called by who opened it. */
  readonly name: string;
  /** By their places. */
  readonly fileNames: readonly string[];
}

/** Another configuration, to compare with. */
export interface Baseline {
  readonly name: string;
  readonly text: string;
}

/** Results of one configuration over the data that is open. */
export interface Results {
  /** The configuration that they are of. */
  readonly text: string;
  /** By the places of the resources. Those that are yet to come are absent. */
  readonly byIndex: ReadonlyMap<number, ResultOfResource>;
  /** There when all are. */
  readonly summary?: PreviewSummary;
}

export interface Differences {
  /** By the places of the resources that differ. */
  readonly byIndex: ReadonlyMap<number, ResourceDifference>;
  readonly comparison?: Comparison;
}

/** The chosen resource, element by element. */
export interface Trace {
  readonly index: number;
  /** The configuration that it is of. */
  readonly text: string;
  readonly trace: ResourceTrace;
  /** The same by the configuration that is compared with. */
  readonly other?: ResourceTrace;
}

/** All that the page shows. Each change makes a new one. */
export interface PreviewState {
  readonly fhirVersion: FhirVersion;
  /** There once the engine is ready. */
  readonly hello?: Hello;
  /** What is wrong with the page as a whole. */
  readonly fault?: string;
  /** The pane that files are dragged over. */
  readonly dropTarget?: DropTarget;
  /** What was done last, for those who hear it. */
  readonly said: string;
  readonly text: string;
  /** What the engine says of the text; of a former one while it looks. */
  readonly checked?: CheckedConfiguration;
  /** Whether the engine is yet to look at the text. */
  readonly isStale: boolean;
  readonly data?: OpenData;
  /** Why what was given could not be opened. */
  readonly dataFault?: string;
  /** What is being done with the data. */
  readonly work?: 'opening' | 'running' | 'comparing';
  readonly results?: Results;
  /** Whether the results were canceled by who looks at them. */
  readonly isCanceled: boolean;
  readonly resultFault?: string;
  readonly baseline?: Baseline;
  readonly differences?: Differences;
  /** The chosen resource; -1 for none. */
  readonly resource: number;
  readonly trace?: Trace;
  /** The chosen element, by its place in the trace; -1 for none. */
  readonly element: number;
  /** The chosen rule; -1 for none. */
  readonly rule: number;
  readonly resourceFilter: ResourceFilter;
  readonly words: string;
  readonly elementFilter: ElementFilter;
  readonly configurationTab: ConfigurationTab;
  readonly resultTab: ResultTab;
  /** Texts of keys by the names of their secrets: in memory only. */
  readonly keys: Readonly<Record<string, string>>;
}

/** The configuration that a page begins with: what the sample of its version says, in a few lines to add to. */
export function firstConfiguration(version: FhirVersion): string {
  return `${JSON.stringify(
    { fhirVersion: version, extends: `hipaa-safe-harbor-${version.toLowerCase()}@2`, fhirPathRules: [] },
    undefined,
    2,
  )}\n`;
}

export function firstState(fhirVersion: FhirVersion): PreviewState {
  return {
    fhirVersion,
    said: '',
    text: firstConfiguration(fhirVersion),
    isStale: true,
    isCanceled: false,
    resource: -1,
    element: -1,
    rule: -1,
    resourceFilter: 'all',
    words: '',
    elementFilter: 'all',
    configurationTab: 'problems',
    resultTab: 'elements',
    keys: {},
  };
}
