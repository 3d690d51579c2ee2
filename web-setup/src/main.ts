import { mount } from 'svelte';

import App from './App.svelte';
import './app.css';
import { begin } from './words/index.svelte';

const target = document.getElementById('app');
// The page first appears in its language.
if (target) void begin().then(() => mount(App, { target }));
