/** What a server says beside an answer, in `Warning` headers. Pure. */

/** The texts of `299 - "…", 299 - "…"`, as browsers join several headers into one. */
export function warningsOf(header: string | null): string[] {
  const found = [...(header ?? "").matchAll(/\b299 [^\s"]+ "((?:[^"\\]|\\.)*)"/g)];
  return [...new Set(found.map((match) => (match[1] ?? "").replace(/\\(.)/g, "$1")))];
}
