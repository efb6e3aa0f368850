/** The queue: VPSes that wait, in the order in which they are tried, each with its sentence. */
import { session } from "../api/session";
import { href } from "../router";
import { Ago } from "../ui/clock";
import { Chunks } from "./chunks";
import { type Waiting } from "./queue";

const ON: Record<Waiting["on"], string> = {
  node: "",
  files: "waits for the node that has its files",
  vain: "somebody has to change something first",
};

export function Queue({ waiting }: { waiting: readonly Waiting[] }) {
  if (waiting.length === 0) return <p class="quiet-text">Nothing waits: every VPS that is to run has its node.</p>;
  const isWhole = session.value?.role !== "user";
  return (
    <section aria-label="Queue">
      <p class="quiet-text">
        {isWhole
          ? "In the order in which they are tried: by priority, then by age. Who is small may get a node before who is first and fits nowhere."
          : "Yours alone; others may stand between. The page of each says its place."}
      </p>
      <div class="cluster-wide" tabIndex={0} role="region" aria-label="Table of the queue">
        <table class="cluster-queue">
          <thead>
            <tr>
              {isWhole && <th scope="col">Place</th>}
              <th scope="col">VPS</th><th scope="col">Priority</th><th scope="col">Waits</th><th scope="col">Why</th>
            </tr>
          </thead>
          <Chunks
            as="tbody"
            items={waiting}
            each={50}
            height={42}
            draw={(one) => {
              const { namespace = "", name } = one.vps.metadata;
              return (
                <tr key={`${namespace}/${name}`}>
                  {isWhole && <td>{one.place || "–"}</td>}
                  <th scope="row"><a href={href("vps", namespace, name)}>{namespace}/{name}</a></th>
                  <td>{one.priority || "–"}</td>
                  <td><Ago time={one.since} /></td>
                  <td>{one.why}{ON[one.on] && <span class="quiet-text"> ({ON[one.on]})</span>}</td>
                </tr>
              );
            }}
          />
        </table>
      </div>
    </section>
  );
}
