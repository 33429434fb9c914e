import type { JSX } from 'preact';

interface ChoiceProps<Name extends string> {
  /** Not shown: for those who do not see what is around it. */
  readonly label: string;
  /** What can be chosen, by what it is called. */
  readonly names: Readonly<Record<Name, string>>;
  /** Those of them that cannot be chosen now. */
  readonly without?: Name | undefined;
  readonly value: Name;
  readonly onValue: (value: Name) => void;
}

/** A list to choose one from. */
export function Choice<Name extends string>(props: ChoiceProps<Name>): JSX.Element {
  const { label, names, without, value, onValue } = props;
  return (
    <label class="choice">
      <span class="unseen">{label}</span>
      <select value={value} onChange={({ currentTarget }) => onValue(currentTarget.value as Name)}>
        {(Object.keys(names) as Name[])
          .filter((name) => name !== without)
          .map((name) => (
            <option key={name} value={name}>
              {names[name]}
            </option>
          ))}
      </select>
    </label>
  );
}
