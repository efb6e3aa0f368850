/** A Policy in sentences. Pure; what cannot be read is said to be so, since it forbids. */
import { type KObject } from "../api/objects";
import { object } from "../cluster/node";

const strings = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === "string") : []);

/** Which namespaces it chooses. */
export function chosen(policy: KObject): string {
  const selector = object(object(policy.spec)["namespaceSelector"]);
  const words = Object.entries(object(selector["matchLabels"])).map(([key, value]) => `${key}=${String(value)}`);
  const demands = Array.isArray(selector["matchExpressions"]) ? selector["matchExpressions"] : [];
  for (const demand of demands) {
    const { key, operator, values } = object(demand);
    const among = strings(values).join(", ");
    const forms: Record<string, string> = { In: `${key} in (${among})`, NotIn: `${key} not in (${among})`, Exists: String(key), DoesNotExist: `no ${key}` };
    words.push((typeof operator === "string" && Object.hasOwn(forms, operator) && forms[operator]) || "<cannot be read>");
  }
  return words.length ? `namespaces with ${words.join(" and ")}` : "every namespace";
}

/** What it limits there: a sentence each. */
export function limits(policy: KObject): string[] {
  const spec = object(policy.spec);
  const found: string[] = [];
  if (spec["images"] != null) {
    const registries = strings(object(spec["images"])["registries"]);
    found.push(registries.length ? `Images come from ${oneOf(registries)}.` : "Images come from no registry: only those of the nodes and Environments are allowed.");
  }
  const egress = object(spec["egress"]);
  const [deny, allow] = [strings(egress["deny"]), strings(egress["allow"])];
  if (deny.length) found.push(`VPSes do not reach ${deny.join(", ")}.`);
  if (allow.length) found.push(`VPSes may reach ${allow.join(", ")}, although the default closes it.`);
  const numbers: [field: string, before: string][] = [
    ["longestStopGracePeriod", "A VPS gets at most this long to stop: "],
    ["highestPriority", "A VPS's priority is at most "],
    ["longestTokenLife", "A token for these namespaces is good for at most "],
  ];
  for (const [field, before] of numbers) {
    const value = spec[field];
    if (value !== undefined && value !== null) found.push(`${before}${typeof value === "object" ? "<cannot be read>" : String(value)}.`);
  }
  return found.length ? found : ["It limits nothing."];
}

function oneOf(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`;
}
