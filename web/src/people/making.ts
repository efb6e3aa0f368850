/**
 * Sends a new Token, and asks who signed for this server. A Token's hash is in its name, so what
 * is there already after a lost answer is our own.
 */
import { ApiError, ask, json } from "../api/http";
import { pathOf, TOKEN } from "../api/kinds";
import { type KObject } from "../api/objects";
import { isLost, type Made } from "./token";

/** Returns when it is there. Throws `ApiError`. */
export async function send(body: Made["body"]): Promise<void> {
  const path = pathOf(TOKEN);
  try {
    await ask(`${path}?fieldValidation=Strict`, { method: "POST", body });
  } catch (error) {
    if (!(error instanceof ApiError) || !isLost(error)) throw error;
    const found = await json<KObject>(pathOf(TOKEN, "", body.metadata.name)).catch(() => undefined);
    if (found?.spec?.sha256 !== body.spec["sha256"]) throw error;
  }
}

/** Who signed this server's certificate, as PEM; empty where it was not told. Throws `ApiError`. */
export async function authority(): Promise<string> {
  try {
    return await (await ask("/cacert", { accept: "*/*" })).text();
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return "";
    throw error;
  }
}
