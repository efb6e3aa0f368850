/** Ranks paths by how well they match a few typed letters, as the command's IDE does. Pure. */

/** The best matches first; with nothing typed, the first there are. */
export function best(query: string, paths: readonly string[], most: number): string[] {
  const wanted = query.toLowerCase().replaceAll(" ", "");
  if (!wanted) return paths.slice(0, most);
  const scored: [score: number, at: number][] = [];
  paths.forEach((path, at) => {
    const found = score(wanted, path);
    if (found > 0) scored.push([found, at]);
  });
  scored.sort(([one, first], [other, second]) => other - one || first - second);
  return scored.slice(0, most).map(([, at]) => paths[at] ?? "");
}

/** 0 where not all of the letters are there in order; else more for letters together, at starts of words, in the name. */
export function score(wanted: string, path: string): number {
  const lower = path.toLowerCase();
  const name = lower.lastIndexOf("/") + 1;
  const whole = lower.indexOf(wanted, name);
  if (whole >= 0) return Math.max(1, 1000 - path.length + (whole === name ? 500 : 0) + (lower.slice(name) === wanted ? 500 : 0));
  return Math.max(scattered(wanted, lower, name), scattered(wanted, lower, 0));
}

function scattered(wanted: string, path: string, start: number): number {
  let total = 0;
  let last = -2;
  let position = start;
  for (const letter of wanted) {
    position = path.indexOf(letter, position);
    if (position < 0) return 0;
    const startsWord = position === 0 || "/._- ".includes(path[position - 1] ?? "");
    total += position === last + 1 ? 8 : startsWord ? 6 : 1;
    last = position++;
  }
  return Math.max(1, total * 4 - Math.floor(path.length / 4) + (start ? 100 : 0));
}
