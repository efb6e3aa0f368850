/** The files stream of a VPS as a browser opens it. */
import { ApiError, ask } from "../api/http";
import { socketTo } from "../api/key";
import { pathOf, VPS } from "../api/kinds";
import { mayWrite } from "../api/session";
import { arriving } from "../ui/arriving";
import { type Channel, type Listener, type Open } from "./client";

const NORMAL = 1000; // the code of a close that nobody minds
const NO_STREAM = "NoStream"; // the reason of a connection that could not be made

export function opener(namespace: string, name: string): Open {
  const path = pathOf(VPS, namespace, name, "files");
  // Nothing was sent over what was never open, so that even what writes may be tried again.
  const isLost = (error: unknown) => error instanceof ApiError && error.reason === NO_STREAM;
  const once = async (listener: Listener): Promise<Channel> => {
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
  return (listener) => arriving(() => once(listener), undefined, isLost);
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
  return new ApiError(0, NO_STREAM, `the files of ${name} cannot be reached now`, "try again; the log of its node's agent says more");
}
