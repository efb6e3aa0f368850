/** Parts of the page that are fetched when they are first shown. */

const WAITS = [300, 1500]; // ms before another try

/** What `load` imports; tried again where it did not arrive, as when a machine changes its network. */
export async function arriving<T>(load: () => Promise<T>, wait = (ms: number) => new Promise<void>((go) => setTimeout(go, ms))): Promise<T> {
  for (const pause of WAITS) {
    try {
      return await load();
    } catch {
      await wait(pause);
    }
  }
  return load();
}
