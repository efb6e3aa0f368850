/** Not drawn yet. */
export function People({ parts }: { parts: readonly string[] }) {
  return <h1>People {parts.join(" / ")}</h1>;
}
