import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// One script and one stylesheet: while the network changes under the page, nothing may have to be fetched any more.
export default defineConfig({
  plugins: [svelte()],
  build: {
    target: ['chrome99', 'firefox102', 'safari15.4'],
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  // `npm run dev` beside a running agent: HEARTH_AGENT=https://127.0.0.1:8443
  server: { proxy: { '/api': { target: process.env['HEARTH_AGENT'] ?? 'https://127.0.0.1:8443', secure: false } } },
  test: { include: ['src/**/*.test.ts'] },
});
