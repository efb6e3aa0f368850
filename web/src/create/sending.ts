/** The requests of the create screen: what a server would say, and the real one. */
import { ask, ApiError } from "../api/http";
import { pathOf, VPS } from "../api/kinds";
import type { KObject } from "../api/objects";
import { fieldOf, type Form } from "./model";
import { warningsOf } from "./warnings";

export interface Verdict {
  readonly warnings: readonly string[];
  readonly error?: ApiError;
}

const CREATE_ID = "kohakuriver.io/create-id"; // by it a create whose answer was lost finds its own

/** What the server would answer to this object; nothing is created. Throws AbortError. */
export async function rehearse(object: KObject, signal: AbortSignal): Promise<Verdict> {
  try {
    const answer = await ask(place(object, { dryRun: "All" }), { method: "POST", body: object, signal });
    return { warnings: warningsOf(answer.headers.get("Warning")) };
  } catch (error) {
    if (error instanceof ApiError) return { warnings: [], error };
    throw error;
  }
}

/** Creates it. The same `id` again finds what an earlier try has created. Throws `ApiError`. */
export async function create(object: KObject, id: string): Promise<KObject> {
  const metadata = { ...object.metadata, annotations: { ...object.metadata.annotations, [CREATE_ID]: id } };
  const answer = await ask(place(object, {}), { method: "POST", body: { ...object, metadata } });
  return (await answer.json()) as KObject;
}

function place(object: KObject, more: Record<string, string>): string {
  const query = new URLSearchParams({ fieldManager: "kohakuriver-web", fieldValidation: "Strict", ...more });
  return `${pathOf(VPS, object.metadata.namespace ?? "default")}?${query}`;
}

/** What a refusal says at each field of the form, and what is left to be said of the whole. Pure. */
export function placed(error: ApiError): { at: Partial<Record<keyof Form, string>>; rest: readonly string[] } {
  const at: Partial<Record<keyof Form, string>> = {};
  const rest: string[] = [];
  const causes = error.reason === "AlreadyExists" ? [{ field: "metadata.name", message: error.message }] : error.causes;
  for (const { field, message } of causes) {
    const name = fieldOf(field);
    if (name) at[name] = at[name] ? `${at[name]}; ${message}` : message;
    else rest.push(field ? `${field}: ${message}` : message);
  }
  if (causes.length === 0) rest.push(error.message);
  return { at, rest };
}
