/** Environments: names for images, many of them made of VPSes. */
import { type KObject } from "../api/objects";
import { isAdmin } from "../api/session";
import { Ago } from "../ui/clock";
import { StateWord } from "../ui/state";
import { Chunks } from "./chunks";
import { sizeShown } from "./amounts";
import { object } from "./node";

export interface Environment {
  name: string;
  /** Making, Ready or Failed; one that is not made of a VPS is ready at once. */
  word: string;
  from: string;
  where: string;
  bytes: number | undefined;
  message: string;
  created: string;
}

export function Environments({ all }: { all: readonly KObject[] }) {
  if (all.length === 0) {
    return (
      <p class="quiet-text">
        There are no Environments.{isAdmin() && <> Make one of a VPS: <code>kohakuriver env create NAME --from VPS</code></>}
      </p>
    );
  }
  return (
    <div class="cluster-wide" tabIndex={0} role="region" aria-label="Environments">
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th><th scope="col">State</th><th scope="col">From</th><th scope="col">Where</th><th scope="col">Size</th><th scope="col">Age</th>
          </tr>
        </thead>
        <Chunks
          as="tbody"
          items={all.map(environmentOf)}
          each={50}
          height={42}
          draw={(one) => (
            <tr key={one.name}>
              <th scope="row">{one.name}</th>
              <td><StateWord word={one.word} />{one.message && one.word !== "Ready" && <div class="cluster-why">{one.message}</div>}</td>
              <td class="cluster-break">{one.from}</td>
              <td class="cluster-break">{one.where}</td>
              <td>{one.bytes === undefined ? "–" : sizeShown(one.bytes)}</td>
              <td><Ago time={one.created} /></td>
            </tr>
          )}
        />
      </table>
    </div>
  );
}

/** An Environment for people. Pure. */
export function environmentOf(found: KObject): Environment {
  const [spec, status] = [object(found.spec), object(found.status)];
  const vps = object(spec["vps"]);
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  const isMade = Object.keys(vps).length > 0;
  const image = text(spec["image"]);
  const size = status["size"];
  return {
    name: found.metadata.name,
    word: isMade ? text(status["phase"]) || "Making" : "Ready",
    from: isMade ? `VPS ${text(vps["namespace"])}/${text(vps["name"])}` : image || text(spec["tarball"]),
    where: isMade ? `node ${text(vps["node"])}` : image ? "the engine of each node, or a registry" : "a tarball",
    bytes: Number.isInteger(size) && (size as number) > 0 ? (size as number) : undefined,
    message: text(status["message"]),
    created: found.metadata.creationTimestamp ?? "",
  };
}
