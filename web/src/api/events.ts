/**
 * The events of a watch as they come, over a WebSocket: of ordinary connections a browser opens six to one server, for all its tabs
 * together, and a watch would hold each of them for good.
 */
import { ApiError } from "./http";
import { socketTo } from "./key";

/** Until the server ends the watch; `opened` is told once it answers. Throws `ApiError` for one that was refused or cut off, which a browser does not tell apart. */
export async function* events(path: string, end: AbortSignal, opened: () => void = () => {}): AsyncGenerator<string> {
  const socket = socketTo(path);
  socket.onopen = opened;
  const came: string[] = [];
  let over: CloseEvent | undefined;
  let wake = () => {};
  socket.onmessage = (event) => {
    came.push(String(event.data));
    wake();
  };
  socket.onclose = (event) => {
    over = event;
    wake();
  };
  const leave = () => wake();
  end.addEventListener("abort", leave);
  try {
    for (;;) {
      for (const text of came.splice(0)) yield text;
      if (end.aborted) throw new DOMException("nobody looks at it any more", "AbortError");
      if (came.length) continue;
      if (over?.code === 1000) return;
      if (over) throw new ApiError(0, "NoAnswer", "the connection to the API server was lost", "this page tries again by itself");
      await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    end.removeEventListener("abort", leave);
    socket.close();
  }
}
