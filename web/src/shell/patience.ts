/** What is fetched while the network changes is given up by the browser, and comes when it is asked for again. */

const WAITS = [300, 1000, 3000]; // ms before each further try

/** What `load` gives, tried again where it fails; its last failure where it goes on failing. */
export async function patiently<T>(load: () => Promise<T>, waits: readonly number[] = WAITS): Promise<T> {
  for (const wait of waits) {
    try {
      return await load();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  return load();
}
