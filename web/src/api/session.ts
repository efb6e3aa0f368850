/** Who the visitor is. The session itself is a cookie that no script can read. */
import { signal } from "@preact/signals";
import { forgetAll } from "./collection";
import { ApiError, ask, json, onLoggedOut } from "./http";
import { keep } from "./key";

export interface Session {
  user: string;
  role: "admin" | "user" | "viewer";
  /** Those that a user may write in, or that a viewer is held to; empty for all. */
  namespaces: readonly string[];
  /** When it ends. */
  expiresAt?: string;
  /** The name of its Token, where it is a session of a browser. */
  session?: string | null;
}

/** What is said once, when a session begins. */
interface Begun {
  key: string;
}

/** undefined: not known yet; null: nobody is logged in. */
export const session = signal<Session | null | undefined>(undefined);
/** Why nobody is, where that is news. */
export const farewell = signal("");

const PATH = "/ui/session";

onLoggedOut(() => {
  if (session.peek()) farewell.value = "The session is over: its credential was revoked or has ended.";
  forgetAll();
  session.value = null;
});

/** A one-time code with which a page of another site, or nobody knows who, has led this browser here. */
export const offered = signal("");

/**
 * Asks who is logged in. With a one-time code in the fragment of the URL, it is exchanged for a session first: at once where
 * the person has opened the page, as `kohakuriver ui` does; else when they say so, for the login may be another's.
 */
export async function begin(): Promise<void> {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code) {
    history.replaceState(null, "", location.pathname + location.search);
    const from = document.querySelector<HTMLMetaElement>('meta[name="came-from"]')?.content;
    if (from === "none" || from === "same-origin") await redeem(code);
    else offered.value = code;
  }
  await look();
}

/** Logs in by the code that was offered, or leaves everything as it is. */
export async function answerOffer(yes: boolean): Promise<void> {
  if (yes) {
    forgetAll();
    await redeem(offered.peek());
    await look();
  }
  offered.value = "";
}

async function redeem(code: string): Promise<void> {
  try {
    keep((await json<Begun>(PATH, { method: "POST", body: { code } })).key);
    farewell.value = "";
  } catch (error) {
    farewell.value = error instanceof ApiError ? error.message : String(error);
  }
}

/** Logs in with a token of the cluster. Throws `ApiError`. */
export async function logIn(token: string): Promise<void> {
  const headers = { Authorization: `Bearer ${token.trim()}` };
  const response = await fetch(PATH, { method: "POST", headers, credentials: "same-origin", redirect: "error" });
  if (!response.ok) {
    const status = (await response.json().catch(() => ({}))) as { message?: string; details?: { hint?: string } };
    throw new ApiError(response.status, "Unauthorized", status.message ?? "the token was refused", status.details?.hint);
  }
  keep(((await response.json()) as Begun).key);
  farewell.value = "";
  await look();
}

/** Who has a word before somebody logs out: one "no" keeps them in. */
export const beforeLogOut = new Set<() => Promise<boolean>>();

export async function logOut(): Promise<void> {
  for (const may of beforeLogOut) if (!(await may())) return;
  await ask(PATH, { method: "DELETE" }).catch(() => {});
  keep("");
  forgetAll();
  farewell.value = "";
  session.value = null;
}

async function look(): Promise<void> {
  try {
    session.value = await json<Session>(PATH);
  } catch (error) {
    if (error instanceof ApiError && error.isLoggedOut) session.value = null;
    else {
      farewell.value = error instanceof ApiError ? error.message : String(error);
      setTimeout(look, 2000);
    }
  }
}

/** Whether the visitor may change VPSes of this namespace. The server decides; this hides what it would refuse. */
export function mayWrite(namespace: string): boolean {
  const who = session.value;
  if (!who || who.role === "viewer") return false;
  return who.role === "admin" || who.namespaces.length === 0 || who.namespaces.includes(namespace);
}

export function isAdmin(): boolean {
  return session.value?.role === "admin";
}
