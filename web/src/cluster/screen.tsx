/** Not drawn yet. */
export function Cluster({ parts }: { parts: readonly string[] }) {
  return <h1>Cluster {parts.join(" / ")}</h1>;
}
