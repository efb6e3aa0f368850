/**
 * Shells that a restart takes along. A new one may be started in the container that is just ending: it is over at once, and
 * another has to follow, so often at most. One that somebody typed into is theirs, and one that ended by itself stays ended. Pure.
 */

const MOST = 10;
const NOT_STARTED = 126; // exit codes from it on: a command that could not be run, or was ended by a signal

export class Retries {
  private left = 0;

  /** The VPS was restarted: what follows may be taken along too. */
  begin(): void {
    this.left = MOST;
  }

  /** Somebody asked for a new shell. */
  none(): void {
    this.left = 0;
  }

  /** Whether another follows the one that has ended with this code; counts it. */
  another(code: number | undefined, wasTyped: boolean): boolean {
    if (this.left === 0 || wasTyped || (code ?? 0) < NOT_STARTED) return false;
    this.left--;
    return true;
  }
}
