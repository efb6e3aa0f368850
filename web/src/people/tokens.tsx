/** The credentials there are: whose they are, what they open, until when; made here, and taken back here. */
import { useMemo, useState } from "preact/hooks";
import { ask } from "../api/http";
import { pathOf, TOKEN } from "../api/kinds";
import { session } from "../api/session";
import { Chunks } from "../cluster/chunks";
import { useEvery } from "../api/every";
import { Ago, age, moment, now } from "../ui/clock";
import { confirm } from "../ui/dialog";
import { announce, complain } from "../ui/toasts";
import { Trouble } from "../ui/trouble";
import { Create } from "./creating";
import { type Credential, credentialOf } from "./credential";
import { PROGRAMS, ROLES } from "./token";

const SORTS: readonly (readonly [Credential["sort"], string])[] = [
  ["person", "People and programs"],
  ["session", "Sessions of browsers"],
  ["machine", "Machines"],
];

export function Tokens() {
  const seen = useEvery(TOKEN);
  const [isOpen, setOpen] = useState(false);
  const all = useMemo(() => [...seen.objects.value.values()].map((one) => credentialOf(one)).sort(byUser), [seen.objects.value]);
  if (seen.state.value === "loading") return <p class="waiting">…</p>;
  return (
    <section aria-label="Tokens">
      <p class="people-act"><button type="button" class="primary" onClick={() => setOpen(true)}>Create a token</button></p>
      <Trouble error={seen.error.value} />
      {SORTS.map(([sort, title]) => <Table key={sort} title={title} all={all.filter((one) => one.sort === sort)} />)}
      <p class="quiet-text">Tokens of the API server's token file and those of an identity provider are not among them.</p>
      <h2>Roles</h2>
      <dl class="people-roles">
        {[...ROLES, ...Object.entries(PROGRAMS)].map(([name, what]) => <div key={name}><dt>{name}</dt><dd>{what}</dd></div>)}
      </dl>
      {isOpen && <Create onClose={() => setOpen(false)} />}
    </section>
  );
}

function Table({ title, all }: { title: string; all: readonly Credential[] }) {
  if (all.length === 0) return null;
  return (
    <div class="people-wide" tabIndex={0} role="region" aria-label={title}>
      <table>
        <caption>{title}</caption>
        <thead>
          <tr>
            <th scope="col">Name</th><th scope="col">User</th><th scope="col">Role</th><th scope="col">Namespaces</th><th scope="col">Rights</th>
            <th scope="col">Ends</th><th scope="col">Age</th><td><span class="people-hidden">Actions</span></td>
          </tr>
        </thead>
        <Chunks
          as="tbody"
          items={all}
          each={50}
          height={44}
          draw={(one) => (
            <tr key={one.name}>
              <th scope="row"><code>{one.name}</code>{one.isThis && <span class="quiet-text"> this browser</span>}</th>
              <td>{one.user || "–"}</td>
              <td>{one.role}</td>
              <td>{one.namespaces}</td>
              <td>{one.rights || "–"}</td>
              <td><Ends time={one.ends} /></td>
              <td><Ago time={one.created} /></td>
              <td class="people-right"><button type="button" class="quiet danger" aria-label={`Revoke ${one.name}`} onClick={() => void revoke(one)}>Revoke</button></td>
            </tr>
          )}
        />
      </table>
    </div>
  );
}

function Ends({ time }: { time: string }) {
  if (!time) return <>never</>;
  const left = (Date.parse(time) - now.value) / 1000;
  if (Number.isNaN(left)) return <>–</>;
  return <time dateTime={time} title={moment(time)}>{left > 0 ? `in ${age(left)}` : "over"}</time>;
}

async function revoke(one: Credential): Promise<void> {
  const of = one.user ? ` of ${one.user}` : "";
  const yes = await confirm({
    title: `Revoke ${one.name}?`,
    lines: [
      one.sort === "session"
        ? `The browser${of} is logged out at once, and what it has open ends.`
        : `This credential${of} is good no more from now on, on every API server. What its holder has open ends, sessions of browsers that were made of it too.`,
      ...(one.isThis ? ["It is the session of this browser: you are logged out."] : []),
    ],
    action: "Revoke it",
    isDangerous: true,
  });
  if (!yes) return;
  try {
    await ask(pathOf(TOKEN, "", one.name), { method: "DELETE", body: { preconditions: { uid: one.uid } } });
    announce(`token ${one.name} is revoked`);
  } catch (error) {
    if (session.peek()) complain(error, `token ${one.name}`);
  }
}

const byUser = (one: Credential, other: Credential): number =>
  one.user < other.user ? -1 : one.user > other.user ? 1 : one.name < other.name ? -1 : 1;
