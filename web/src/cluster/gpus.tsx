/** The GPUs of a node as tiles: who has each, which is free, which is ill. */
import { href } from "../router";
import { type GPU, troubleOfGPUs, type View } from "./node";

export function GPUs({ view }: { view: View }) {
  if (view.gpus.length === 0) return null;
  const trouble = troubleOfGPUs(view);
  return (
    <>
      <ul class="cluster-gpus" aria-label={`GPUs of ${view.name}`}>
        {view.gpus.map((gpu) => <Tile key={gpu.uuid} gpu={gpu} isKnown={view.gpusHeld !== undefined} />)}
      </ul>
      {trouble && <p class="cluster-why">GPUs: {trouble}</p>}
    </>
  );
}

function Tile({ gpu, isKnown }: { gpu: GPU; isKnown: boolean }) {
  const state = stateOf(gpu, isKnown);
  return (
    <li class={`cluster-gpu cluster-gpu-${state}`} title={gpu.uuid}>
      <span class="cluster-gpu-head">
        <b>{gpu.index ?? "–"}</b> {short(gpu.model) || "GPU"}{gpu.memory && !/\d+GB/.test(gpu.model) && ` ${gpu.memory}`}
      </span>
      <span class="cluster-gpu-owner">
        {!gpu.isThere && "gone: "}
        {gpu.isThere && !gpu.isWell && "ill: "}
        {gpu.holder ? (
          gpu.holder.tombstone ? (
            <span title={gpu.holder.tombstone}>{gpu.holder.name} (deleted)</span>
          ) : (
            <a href={href("vps", gpu.holder.namespace, gpu.holder.name)} title={`${gpu.holder.namespace}/${gpu.holder.name}`}>{gpu.holder.name}</a>
          )
        ) : gpu.stray ? (
          <span title="a container that no VPS accounts for">container {gpu.stray.container}</span>
        ) : !gpu.isWell ? (
          "not given"
        ) : isKnown ? (
          "free"
        ) : (
          "not yours"
        )}
      </span>
    </li>
  );
}

function stateOf(gpu: GPU, isKnown: boolean): "ill" | "held" | "free" | "unknown" {
  if (!gpu.isThere || !gpu.isWell) return "ill";
  if (gpu.holder || gpu.stray) return "held";
  return isKnown ? "free" : "unknown";
}

/** "A100-SXM4-80GB" of "NVIDIA A100-SXM4-80GB": the maker says nothing that helps here. */
const short = (model: string): string => model.replace(/^NVIDIA (GeForce )?/, "");
