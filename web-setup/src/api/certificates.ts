import type { Started } from './jobs';
import { get, post, type Fault } from './request';

export interface Certificates {
  public: {
    names: string[];
    issuer: string;
    not_before_ms: number;
    not_after_ms: number;
    kind: string;
    renew_at_ms: number | null;
    last_error: Fault | string | null;
  } | null;
  local: { fingerprint: string; not_after_ms: number };
}

export const readCertificates = () => get<Certificates>('/api/certificates');
export const renewCertificate = () => post<Started>('/api/certificates/renew');
