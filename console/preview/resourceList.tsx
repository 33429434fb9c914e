import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { TextField } from '../shared/textField.js';
import { Choice } from '../shared/choice.js';
import { VirtualList } from '../shared/virtualList.js';
import type { PaneProps } from './pane.js';
import type { PreviewState, ResourceFilter } from './state.js';
import { shortened } from './words.js';
import { isListed } from './workbench.js';

const ROW_HEIGHT = 42;

const FILTERS: Readonly<Record<ResourceFilter, string>> = {
  all: 'All resources',
  failed: 'Failed or left out',
  'not-valid': 'Not valid FHIR',
  unreached: 'With elements no rule reached',
  different: 'Different',
};

/** The resources that are open, with what became of each. */
export function ResourceList({ bench, state }: PaneProps): JSX.Element {
  const { data, results, differences, resource, resourceFilter, words, baseline } = state;
  const listed = useMemo(
    () => (data?.resources ?? []).filter((one) => isListed(one, state)),
    [data, results, differences, resourceFilter, words],
  );
  const active = listed.findIndex(({ index }) => index === resource);
  return (
    <div class="resources">
      <div class="tools">
        <Choice
          label="Which resources are listed"
          names={FILTERS}
          without={baseline === undefined ? 'different' : undefined}
          value={resourceFilter}
          onValue={(chosen) => bench.store.set({ resourceFilter: chosen })}
        />
        <TextField
          kind="search"
          label="Type or id of the resources that are listed"
          placeholder="Type or id"
          value={words}
          onText={(text) => bench.store.set({ words: text })}
        />
      </div>
      {listed.length === 0 ? (
        <p class="empty">No resource is listed: choose “All resources”, and no type or id.</p>
      ) : (
        <VirtualList
          id="resource"
          label="Resources"
          kind="listbox"
          count={listed.length}
          rowHeight={ROW_HEIGHT}
          active={active}
          onActive={(at) => void bench.chooseResource(listed[at]?.index ?? -1)}
          row={(at) => <Resource place={at} of={listed} state={state} />}
        />
      )}
    </div>
  );
}

interface ResourceProps {
  readonly place: number;
  readonly of: NonNullable<PreviewState['data']>['resources'];
  readonly state: PreviewState;
}

function Resource({ place, of, state }: ResourceProps): JSX.Element | null {
  const resource = of[place];
  if (resource === undefined) return null;
  const { type, id, index } = resource;
  const result = state.results?.byIndex.get(index);
  const { unreached = 0 } = result?.counts ?? {};
  return (
    <>
      <span class="type">{type === '' ? 'no type' : shortened(type, 40)}</span>
      <bdi class="id">{id === '' ? 'no id' : shortened(id, 70)}</bdi>
      <span class="tags">
        {result?.outcome === 'failed' && <span class="tag is-bad">failed</span>}
        {result?.outcome === 'skipped' && <span class="tag is-bad">left out</span>}
        {(result?.problems.length ?? 0) > 0 && <span class="tag is-bad">not valid</span>}
        {unreached > 0 && <span class="tag is-doubtful">{unreached.toLocaleString('en')} unreached</span>}
        {state.differences?.byIndex.has(index) === true && <span class="tag is-changed">different</span>}
      </span>
    </>
  );
}
