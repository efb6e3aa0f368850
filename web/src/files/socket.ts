/** The files stream of a VPS as a browser opens it. */
import { ApiError, ask } from "../api/http";
import { socketTo } from "../api/key";
import { pathOf, VPS } from "../api/kinds";
import { mayWrite } from "../api/session";
import { type Open } from "./client";

const NORMAL = 1000; // the code of a close that nobody minds

export function opener(namespace: string, name: string): Open {
  const path = pathOf(VPS, namespace, name, "files");
  return async (listener) => {
    // Who only looks is refused before there is a stream that could say so.
    if (!mayWrite(namespace)) throw await refusal(path, name);
    return new Promise((resolve, reject) => {
      const socket = socketTo(`${path}?refusal=message`);
      socket.binaryType = "arraybuffer";
      let isOpen = false;
      let isOurs = false;
      socket.onopen = () => {
        isOpen = true;
        resolve({
          send: (data) => socket.send(data),
          get buffered() {
            return socket.bufferedAmount;
          },
          close: () => {
            isOurs = true;
            socket.close(NORMAL);
          },
        });
      };
      socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
        if (isOurs) return;
        if (typeof event.data === "string") listener.text(event.data);
        else listener.bytes(new Uint8Array(event.data));
      };
      socket.onclose = () => {
        if (!isOpen) void refusal(path, name).then(reject);
        else if (!isOurs) listener.closed();
      };
    });
  };
}

/**
 * Why there is no connection at all: a browser does not tell a page, so the same URL is asked for as a document. What the
 * server refuses once it knows who asks comes as a message instead.
 */
async function refusal(path: string, name: string): Promise<ApiError> {
  try {
    await ask(path);
  } catch (error) {
    // 400: it is "a stream, not a document", so whoever asks would be let in.
    if (error instanceof ApiError && error.code !== 400) return error;
  }
  return new ApiError(0, "NoStream", `the files of ${name} cannot be reached now`, "try again; the log of its node's agent says more");
}
