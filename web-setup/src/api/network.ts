import { get, post, put } from './request';
import type { NetworkChoice, NetworkDraft } from './setup';

export const readNetwork = () => get<NetworkDraft>('/api/network');
export const changeNetwork = (choice: NetworkChoice) => put<NetworkDraft>('/api/network', choice);
export const keepChangedNetwork = () => post<NetworkDraft>('/api/network/keep', {}, { patience: 6000 });
