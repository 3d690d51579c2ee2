// Where the page is, kept in the address after the hash: `#/network` or `#/network/keep`.

export interface Route {
  name: string;
  rest: string;
}

export function parseHash(hash: string): Route {
  const [, name = '', rest = ''] = hash.replace(/^#/, '').split('/');
  return { name, rest };
}

let current = $state<Route>(parseHash(location.hash));

addEventListener('hashchange', () => {
  current = parseHash(location.hash);
  scrollTo(0, 0);
});

export const route = () => current;

export function go(name: string): void {
  location.hash = `/${name}`;
}
