// What was typed on a page and not yet saved is still there when one comes back. Memory only: a reload forgets it, passwords too.

const forms = new Map<string, object>();

export function kept<T extends object>(key: string, make: () => T): T {
  const known = forms.get(key);
  if (known) return known as T;
  const form = $state(make());
  forms.set(key, form);
  return form;
}

export function forget(key: string): void {
  forms.delete(key);
}

export function forgetAll(): void {
  forms.clear();
}
