/** What is fetched or opened when it is first needed, and does not always arrive at once. */

const WAITS = [300, 1500]; // ms before another try
const pause = (ms: number) => new Promise<void>((go) => setTimeout(go, ms));

/** What `load` brings; tried again where it did not arrive, as when a machine changes its network, and where `mayHelp` says that another try may. */
export async function arriving<T>(load: () => Promise<T>, wait = pause, mayHelp: (error: unknown) => boolean = () => true): Promise<T> {
  for (const ms of WAITS) {
    try {
      return await load();
    } catch (error) {
      if (!mayHelp(error)) throw error;
      await wait(ms);
    }
  }
  return load();
}
