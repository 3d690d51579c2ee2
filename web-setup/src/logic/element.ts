/** Opens Element on a phone with the homeserver filled in; where the app is missing, a page that leads to it. */
export const elementLink = (baseUrl: string): string => `https://mobile.element.io/?hs_url=${encodeURIComponent(baseUrl.replace(/\/$/, ''))}`;
