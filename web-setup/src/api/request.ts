// One door to the agent. Every request that changes something carries the header that a foreign page can't set.

export type Params = Record<string, unknown>;

/** What the agent said went wrong, or `unreachable` where it said nothing. */
export class ApiError extends Error {
  readonly code: string;
  readonly help: string;
  readonly params: Params;
  /** 0 where there was no answer. */
  readonly status: number;

  constructor(code: string, message: string, help: string, params: Params, status: number) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.help = help;
    this.params = params;
    this.status = status;
  }
}

/** An error as it stands in an answer or in a job's step. */
export interface Fault {
  code: string;
  message: string;
  help: string;
  params: Params;
}

export function toFault(error: unknown): Fault {
  if (error instanceof ApiError) return { code: error.code, message: error.message, help: error.help, params: error.params };
  return { code: 'unreachable', message: '', help: '', params: {} };
}

interface Options {
  signal?: AbortSignal;
  /** Milliseconds until an answer is given up. */
  patience?: number;
}

type Heard = (error: ApiError) => void;
let onUnauthenticated: Heard = () => undefined;

/** Tells once a session has ended, so that the page can ask for the code or the password again. */
export function whenUnauthenticated(heard: Heard): void {
  onUnauthenticated = heard;
}

export function get<T>(path: string, options: Options = {}): Promise<T> {
  return request<T>('GET', path, undefined, options);
}

export function post<T>(path: string, body: object = {}, options: Options = {}): Promise<T> {
  return request<T>('POST', path, body, options);
}

export function put<T>(path: string, body: object, options: Options = {}): Promise<T> {
  return request<T>('PUT', path, body, options);
}

export function remove<T>(path: string, options: Options = {}): Promise<T> {
  return request<T>('DELETE', path, undefined, options);
}

async function request<T>(method: string, path: string, body: object | undefined, options: Options): Promise<T> {
  const abort = new AbortController();
  const giveUp = setTimeout(() => abort.abort(), options.patience ?? 30_000);
  options.signal?.addEventListener('abort', () => abort.abort(), { once: true });
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (method !== 'GET') headers['X-Hearth'] = '1';
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  try {
    const response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: abort.signal,
      credentials: 'same-origin',
      cache: 'no-store',
    });
    const answer: unknown = await response.json().catch(() => null);
    if (response.ok) return answer as T;
    const error = fromAnswer(answer, response.status);
    if (response.status === 401 && error.code === 'not_logged_in') onUnauthenticated(error);
    throw error;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError('unreachable', 'The box does not answer.', '', {}, 0);
  } finally {
    clearTimeout(giveUp);
  }
}

/** Errors come as `{"error": {...}}`; what the homeserver's socket says comes through as `{"errcode", "error"}`. */
export function fromAnswer(answer: unknown, status: number): ApiError {
  const outer = (answer ?? {}) as { error?: Partial<Fault> | string; errcode?: string };
  if (typeof outer.error === 'object') {
    const { code, message, help, params } = outer.error;
    return new ApiError(code ?? 'unknown', message ?? '', help ?? '', params ?? {}, status);
  }
  return new ApiError(outer.errcode ?? 'unknown', outer.error ?? '', '', { status }, status);
}
