/** Not drawn yet. */
export function VPSes({ parts }: { parts: readonly string[] }) {
  return <h1>VPSes {parts.join(" / ")}</h1>;
}
