/** A Token for people. Pure. */
import { type KObject } from "../api/objects";
import { session } from "../api/session";
import { object } from "../cluster/node";

export interface Credential {
  name: string;
  uid: string;
  /** A person's or a program's, a browser's session, or a machine's. */
  sort: "person" | "session" | "machine";
  user: string;
  role: string;
  namespaces: string;
  rights: string;
  /** When it ends; empty where it does not. */
  ends: string;
  created: string;
  /** Whether it is the session of this browser. */
  isThis: boolean;
}

export function credentialOf(token: KObject, own: string = session.peek()?.session ?? ""): Credential {
  const spec = object(token.spec);
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  const list = (value: unknown) => (Array.isArray(value) ? value.filter((one) => typeof one === "string").join(", ") : "");
  const role = text(spec["role"]);
  const isMachine = role === "node" || role === "join";
  const isSession = Object.keys(object(spec["session"])).length > 0;
  return {
    name: token.metadata.name,
    uid: token.metadata.uid ?? "",
    sort: isSession ? "session" : isMachine ? "machine" : "person",
    user: text(spec["user"]) || (spec["node"] ? `node ${text(spec["node"])}` : ""),
    role,
    namespaces: list(spec["namespaces"]) || (isMachine ? "–" : "all"),
    rights: list(spec["rights"]),
    ends: text(object(token.status)["expiresAt"]),
    created: token.metadata.creationTimestamp ?? "",
    isThis: own !== "" && token.metadata.name === own,
  };
}
