import type { Words } from '../languages';
import { common } from './common';
import { dashboard } from './dashboard';
import { details, errors, findings, warnings } from './errors';
import { restore } from './restore';
import { wizard } from './wizard';

export const es: Words = { common, wizard, restore, dashboard, errors, findings, warnings, details };
