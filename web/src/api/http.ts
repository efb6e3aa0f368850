/** Requests to the API server that this page came from: answers as objects, refusals as `ApiError` in the server's own words. */

import { keyHeaders } from "./key";

/** What the server refused, or what kept its answer from coming. */
export class ApiError extends Error {
  constructor(
    /** The HTTP status; 0 where no answer came. */
    readonly code: number,
    /** One CamelCase word. */
    readonly reason: string,
    message: string,
    /** What to do next; empty where the server does not say. */
    readonly hint = "",
    readonly causes: readonly { field: string; message: string }[] = [],
  ) {
    super(message);
  }

  /** Whether the session is over, so that one has to log in again. */
  get isLoggedOut(): boolean {
    return this.code === 401;
  }
}

export interface Asked {
  method?: string;
  body?: unknown;
  /** The media type of the body: a JSON merge patch for PATCH, else JSON. */
  type?: string;
  accept?: string;
  signal?: AbortSignal;
}

/** Who wants to know that the session is over. */
let loggedOut: () => void = () => {};
export function onLoggedOut(told: () => void): void {
  loggedOut = told;
}

/** The answer itself, for who reads it as it comes. Throws `ApiError`, and `AbortError` as fetch does. */
export async function ask(path: string, asked: Asked = {}): Promise<Response> {
  const method = asked.method ?? "GET";
  const headers: Record<string, string> = { Accept: asked.accept ?? "application/json", ...keyHeaders() };
  let body: BodyInit | undefined;
  if (asked.body !== undefined) {
    headers["Content-Type"] = asked.type ?? (method === "PATCH" ? "application/merge-patch+json" : "application/json");
    body = typeof asked.body === "string" ? asked.body : JSON.stringify(asked.body);
  }
  const how: RequestInit = { method, headers, credentials: "same-origin", redirect: "error", cache: "no-store" };
  if (body !== undefined) how.body = body;
  if (asked.signal) how.signal = asked.signal;
  let response: Response;
  try {
    response = await fetch(path, how);
  } catch (error) {
    if (asked.signal?.aborted) throw error;
    throw new ApiError(0, "NoAnswer", "the API server does not answer", "this page tries again by itself");
  }
  if (response.ok) return response;
  const found = await refusal(response);
  if (found.isLoggedOut) loggedOut();
  throw found;
}

/** The answer as JSON. */
export async function json<T>(path: string, asked: Asked = {}): Promise<T> {
  const response = await ask(path, asked);
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiError(response.status, "NotJSON", "the answer is not the API's", "is there a proxy in between?");
  }
}

async function refusal(response: Response): Promise<ApiError> {
  try {
    const status: unknown = await response.json();
    return ofStatus(status, response.status);
  } catch {
    return new ApiError(response.status, "NotJSON", `the server answered ${response.status} ${response.statusText}`);
  }
}

/** A `Status` object as an error; what is missing in it reads as empty. */
export function ofStatus(status: unknown, code = 0): ApiError {
  const found = (status ?? {}) as {
    code?: number;
    reason?: string;
    message?: string;
    details?: { hint?: string; causes?: { field?: string; message?: string }[] };
  };
  return new ApiError(
    found.code ?? code,
    found.reason ?? "Unknown",
    found.message ?? `the server answered ${code}`,
    found.details?.hint ?? "",
    (found.details?.causes ?? []).map((cause) => ({ field: cause.field ?? "", message: cause.message ?? "" })),
  );
}
