// A job of the agent, followed until it ends. It outlives the page that started it: one may leave and come back, or reload.

import { readJob, type Job, type Started } from '../api/jobs';
import { ApiError, toFault, type Fault } from '../api/request';

const PATIENCE_MS = 180_000;

export class Work<R> {
  job = $state<Job<R> | null>(null);
  failure = $state<Fault | null>(null);
  /** From the click until the end. */
  running = $state(false);
  /** The box does not answer just now; it is asked again. */
  waiting = $state(false);
  readonly #key: string;
  #noted = $state(false);

  constructor(key: string) {
    this.#key = `work:${key}`;
  }

  get done(): boolean {
    return this.job?.state === 'done';
  }

  get result(): R | null {
    return this.job?.result ?? null;
  }

  /** It ended well, and what came of it has been given out before: to a page that is gone. */
  get givenOut(): boolean {
    return this.done && this.job?.result === null && !this.#noted;
  }

  /** Resolves to the result, or to null after a failure, which `failure` then tells. */
  async start(begin: () => Promise<Started>): Promise<R | null> {
    if (this.running) return null;
    this.running = true;
    this.failure = null;
    this.job = null;
    this.#noted = false;
    try {
      const { job } = await begin();
      sessionStorage.setItem(this.#key, job);
      return await this.#follow(job);
    } catch (error) {
      this.failure = toFault(error);
      return null;
    } finally {
      this.running = false;
    }
  }

  /** Goes on with what was running before the page was loaded again. */
  async resume(): Promise<R | null> {
    const id = sessionStorage.getItem(this.#key);
    if (id === null || this.running || this.job) return null;
    this.running = true;
    try {
      return await this.#follow(id);
    } catch {
      // The agent has been started anew and knows the job no more: the page begins afresh.
      sessionStorage.removeItem(this.#key);
      this.job = null;
      return null;
    } finally {
      this.running = false;
    }
  }

  /** The result was a secret and has been written down: it is kept no longer, here or for after a reload. */
  noted(): void {
    sessionStorage.removeItem(this.#key);
    this.#noted = true;
    if (this.job) this.job = { ...this.job, result: null };
  }

  reset(): void {
    sessionStorage.removeItem(this.#key);
    this.job = null;
    this.failure = null;
  }

  async #follow(id: string): Promise<R | null> {
    let after = 0;
    let silentSince: number | null = null;
    for (;;) {
      try {
        const job = await readJob<R>(id, after);
        silentSince = null;
        this.waiting = false;
        this.job = job;
        after = job.revision;
        if (job.state === 'done') return job.result;
        if (job.state === 'failed') {
          this.failure = job.error;
          return null;
        }
      } catch (error) {
        const unanswered = error instanceof ApiError && (error.status === 0 || error.status >= 502);
        silentSince ??= Date.now();
        if (!unanswered || Date.now() - silentSince > PATIENCE_MS) {
          this.waiting = false;
          throw error;
        }
        this.waiting = true;
        await new Promise((wake) => setTimeout(wake, 1500));
      }
    }
  }
}

const works = new Map<string, Work<unknown>>();

export function work<R = unknown>(key: string): Work<R> {
  let known = works.get(key);
  if (!known) {
    known = new Work<unknown>(key);
    works.set(key, known);
  }
  return known as Work<R>;
}

export function forgetWorks(): void {
  for (const known of works.values()) known.reset();
}
