/** Why a shell really ended: what was done to its VPS ends it by a signal. Pure. */
import type { KObject } from "../api/objects";
import { whyOf, wordOf } from "../api/vps";

export interface Happened {
  what: "deleted" | "stopped" | "restarted" | "down";
  message: string;
  hint: string;
}

/** What was done to a VPS since it was seen; `now` is undefined where there is none of its name any more. */
export function whatHappened(name: string, before: KObject | undefined, now: KObject | undefined): Happened | undefined {
  if (!now || now.metadata.deletionTimestamp) return { what: "deleted", message: `${name} was deleted`, hint: "" };
  if (before && before.metadata.uid !== now.metadata.uid) {
    return { what: "deleted", message: `${name} was deleted, and there is a new one of its name`, hint: "" };
  }
  if (now.spec?.runState === "Stopped") {
    return { what: "stopped", message: `${name} was stopped`, hint: `start it: kohakuriver vps start ${name}` };
  }
  if (before && before.spec?.restartRequest !== now.spec?.restartRequest) {
    return { what: "restarted", message: `${name} was restarted`, hint: "" };
  }
  const word = wordOf(now);
  if (word === "running") return undefined;
  const why = whyOf(now);
  return { what: "down", message: `${name} is ${word}${why ? `: ${why}` : ""}`, hint: "" };
}
