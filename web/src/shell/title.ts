/** What the page is called in tabs and in the history. Pure. */
const TITLES: Record<string, string> = { vpses: "VPSes", create: "Create a VPS", cluster: "Cluster", people: "People" };

/** "terminal of dev - KohakuRiver": the most telling first, since tabs cut the end off. */
export function titleOf(parts: readonly string[]): string {
  if (parts[0] === "terminal") return titleOf(["vps", parts[1] ?? "", parts[2] ?? "", "terminal"]);
  const [name = "vpses", namespace = "", vps = "", tab = ""] = parts;
  const what = name === "vps" && vps ? `${tab && tab !== "overview" ? `${tab} of ` : ""}${vps}${namespace === "default" ? "" : ` (${namespace})`}` : "";
  const screen = what || (Object.hasOwn(TITLES, name) ? TITLES[name] : "");
  return screen ? `${screen} - KohakuRiver` : "KohakuRiver";
}
