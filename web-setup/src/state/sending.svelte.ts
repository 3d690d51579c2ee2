// One request of a form: whether it is under way, and what it failed by.

import { toFault, type Fault } from '../api/request';
import { fieldOf, sentence } from '../words/faults';

export class Sending {
  busy = $state(false);
  fault = $state<Fault | null>(null);

  /** Whether it went well. */
  async run(send: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.fault = null;
    try {
      await send();
      return true;
    } catch (error) {
      this.fault = toFault(error);
      return false;
    } finally {
      this.busy = false;
    }
  }

  /** The words for below a field, where the fault is about it. */
  at(field: string, ...codes: string[]): string | undefined {
    const fault = this.fault;
    if (!fault) return undefined;
    return fieldOf(fault) === field || codes.includes(fault.code) ? sentence(fault) : undefined;
  }

  /** The fault, where it is about none of these fields. */
  beside(...said: (string | undefined)[]): Fault | null {
    return said.some((words) => words !== undefined) ? null : this.fault;
  }
}
