/** A config file for who holds a token, as `kohakuriver token create --kubeconfig` writes one; kubectl reads it too. Pure. */
import { base64 } from "./token";
import { type Server } from "./join";

const CLUSTER = "kohakuriver";

/** Its text: JSON, which every reader of YAML reads. */
export function configFile(server: Server, secret: string, user: string, namespace: string): string {
  const cluster = {
    server: server.url,
    ...(server.authority ? { "certificate-authority-data": base64(new TextEncoder().encode(server.authority)) } : {}),
  };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: CLUSTER, cluster }],
    users: [{ name: user, user: { token: secret } }],
    contexts: [{ name: CLUSTER, context: { cluster: CLUSTER, user, namespace } }],
    "current-context": CLUSTER,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** A name for the file that every disk takes. */
export const fileName = (user: string): string => `${user.replace(/[^A-Za-z0-9._@-]+/g, "-").replace(/^[.-]+/, "") || "kohakuriver"}.config`;
