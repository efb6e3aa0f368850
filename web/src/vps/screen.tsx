/** Not drawn yet. */
export function OneVPS({ parts }: { parts: readonly string[] }) {
  return <h1>OneVPS {parts.join(" / ")}</h1>;
}
