// The recovery key as it is typed: 7 groups of 4 of Crockford's base 32. What looks alike is forgiven.

export const GROUPS = 7;
export const LENGTH = GROUPS * 4;

/** Only letters and digits, capitals, with I and L as 1 and O as 0. */
export function normalise(typed: string): string {
  return typed
    .toUpperCase()
    .replace(/[^0-9A-Z]/g, '')
    .replace(/[IL]/g, '1')
    .replace(/O/g, '0');
}

/** `ABCD-EFGH-…`, as far as it has come. */
export const dashed = (key: string): string => (normalise(key).match(/.{1,4}/g) ?? []).join('-');

export const groupsOf = (key: string): string[] => normalise(key).match(/.{1,4}/g) ?? [];

/** Two different groups to be typed back, counted from 1 and in order. */
export function pickGroups(random: () => number): [number, number] {
  const first = 1 + Math.floor(random() * GROUPS);
  let second = 1 + Math.floor(random() * (GROUPS - 1));
  if (second >= first) second += 1;
  return first < second ? [first, second] : [second, first];
}
