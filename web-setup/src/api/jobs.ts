import { get, type Fault } from './request';

export type StepState = 'waiting' | 'running' | 'done' | 'warning' | 'failed';

export interface JobStep {
  name: string;
  state: StepState;
  /** 0 to 1 where it is known how much is left. */
  fraction: number | null;
  detail: string | null;
  error?: Fault | null;
}

export interface Job<R = unknown> {
  id: string;
  kind: string;
  revision: number;
  state: 'running' | 'done' | 'failed';
  steps: JobStep[];
  result: R | null;
  error: Fault | null;
}

export interface Started {
  job: string;
}

/** Answers at once while the job has a revision above `after`, else within 20 s. */
export const readJob = <R>(id: string, after: number) =>
  get<Job<R>>(`/api/jobs/${encodeURIComponent(id)}?after=${String(after)}`, { patience: 40_000 });
