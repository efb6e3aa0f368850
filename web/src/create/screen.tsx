/** Not drawn yet. */
export function Create({ parts }: { parts: readonly string[] }) {
  return <h1>Create {parts.join(" / ")}</h1>;
}
