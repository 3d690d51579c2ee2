import type { Started } from './jobs';
import { get, post, type Fault } from './request';

export interface Certificates {
  public: {
    names: string[];
    issuer: string;
    not_before_ms: number;
    not_after_ms: number;
    /** Signed by the box's own authority, or by one that everybody knows. */
    kind: 'local' | 'acme';
    renew_at_ms: number | null;
    last_error: Fault | string | null;
  } | null;
  local: { fingerprint: string; not_after_ms: number };
}

export const readCertificates = () => get<Certificates>('/api/certificates');
export const renewCertificate = () => post<Started>('/api/certificates/renew');
export const getCertificate = (email: string) => post<Started>('/api/certificates', { kind: 'acme', email, agree: true });
