/** Who one is here: the role in a sentence, one's namespaces, and how much of their quotas is used. */
import { type Session, session } from "../api/session";
import { age, moment, now } from "../ui/clock";
import { Policies } from "./policies";
import { Quotas } from "./quotas";
import { ROLES } from "./token";

export function You() {
  const who = session.value;
  if (!who) return null;
  const role = ROLES.find(([name]) => name === who.role)?.[1];
  return (
    <>
      <dl class="people-facts">
        <div><dt>User</dt><dd>{who.user}</dd></div>
        <div><dt>Role</dt><dd><b>{who.role}</b>{role && `: ${role}`}</dd></div>
        <div><dt>Namespaces</dt><dd>{who.namespaces.length ? who.namespaces.join(", ") : "all"}</dd></div>
        {who.expiresAt && <div><dt>This session ends</dt><dd><Until who={who} /></dd></div>}
      </dl>
      <h2>Quotas</h2>
      <Quotas />
      <h2>Policies</h2>
      <Policies />
    </>
  );
}

function Until({ who }: { who: Session }) {
  const left = (Date.parse(who.expiresAt ?? "") - now.value) / 1000;
  return <time dateTime={who.expiresAt} title={moment(who.expiresAt)}>{Number.isNaN(left) ? "–" : `in ${age(left)}`}</time>;
}
