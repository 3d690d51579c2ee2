import type { Setup } from '../api/setup';

/** What every step of the wizard gets. */
export interface StepProps {
  draft: Setup;
  next: () => void;
  back: () => void;
}
