/** The terminals of a VPS in a window of their own: /ui/terminal/NAMESPACE/NAME. */
import { place } from "../router";
import { TerminalPanel } from "./panel";

export function TerminalScreen({ parts }: { parts: readonly string[] }) {
  const [namespace = "", name = ""] = parts;
  if (!namespace || !name) return <p role="alert">There is no such page. <a href="/ui/">All VPSes</a></p>;
  return <TerminalPanel namespace={namespace} name={name} session={place.value.query.get("session") ?? ""} isAlone />;
}
