import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';

import svelteConfig from './svelte.config.js';

export default ts.config(
  { ignores: ['dist/', 'node_modules/'] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  { languageOptions: { globals: globals.browser } },
  { files: ['*.js', '*.ts'], languageOptions: { globals: globals.node } },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
    rules: {
      // Routes are hashes; the rule is about SvelteKit's.
      'svelte/no-navigation-without-resolve': 'off',
      // Registers that nothing is drawn from; what they hold is reactive by itself.
      'svelte/prefer-svelte-reactivity': 'off',
    },
  },
  {
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      // The page is served under a policy that allows no markup made from text.
      'svelte/no-at-html-tags': 'error',
    },
  },
);
