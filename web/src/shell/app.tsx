/** The frame around every screen: who is in, where they can go. Each screen is loaded when it is first opened. */
import { type ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ApiError } from "../api/http";
import { offered, session } from "../api/session";
import { place } from "../router";
import { Confirmation } from "../ui/dialog";
import { complain, Toasts } from "../ui/toasts";
import { Trouble } from "../ui/trouble";
import { arriving } from "../ui/arriving";
import { Connection } from "./connection";
import { Login, Offered } from "./login";
import { Navigation } from "./navigation";
import { titleOf } from "./title";

type Screen = ComponentType<{ parts: readonly string[] }>;

/** By the first part of the path. */
const SCREENS: Record<string, () => Promise<Screen>> = {
  vpses: async () => (await import("../vpses/screen")).VPSes,
  vps: async () => (await import("../vps/screen")).OneVPS,
  create: async () => (await import("../create/screen")).Create,
  cluster: async () => (await import("../cluster/screen")).Cluster,
  terminal: async () => (await import("../terminal/screen")).TerminalScreen,
  people: async () => (await import("../people/screen")).People,
};

export function App() {
  const who = session.value;
  const parts = place.value.parts;
  useEffect(() => void (document.title = titleOf(who ? parts : ["login"])), [who, parts]);
  if (offered.value) return <Offered />;
  if (who === undefined) return <p class="waiting">…</p>;
  if (who === null) return <Login />;
  return <Frame parts={parts} />;
}

function Frame({ parts: [name = "vpses", ...parts] }: { parts: readonly string[] }) {
  const [isOpen, setOpen] = useState(false);
  usePaletteSoon();
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
      if (event.defaultPrevented || (event.target as Element | null)?.closest?.("[data-keeps-keys]")) return;
      event.preventDefault();
      if (!document.querySelector("dialog[open]")) setOpen(true);
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
  return (
    <div class="frame">
      <Navigation current={name} openPalette={() => setOpen(true)} />
      <Connection />
      <main id="main" tabIndex={-1}>
        <Loaded name={name} parts={parts} />
      </main>
      {isOpen && <LazyPalette close={() => setOpen(false)} />}
      <Confirmation />
      <Toasts />
    </div>
  );
}

function Loaded({ name, parts }: { name: string; parts: readonly string[] }) {
  const [found, setFound] = useState<{ name: string; screen: Screen | undefined; failed?: boolean }>();
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    const load = Object.hasOwn(SCREENS, name) ? SCREENS[name] : undefined;
    if (!load) return setFound({ name, screen: undefined });
    arriving(load).then(
      (screen) => setFound({ name, screen }),
      () => setFound({ name, screen: undefined, failed: true }),
    );
  }, [name, asked]);
  if (found?.name !== name) return <p class="waiting">…</p>;
  if (found.failed) {
    const broken = new ApiError(0, "NoAnswer", "this part of the page did not arrive", "after an upgrade of the server, load the page again");
    return <Trouble error={broken} again={() => setAsked(asked + 1)} />;
  }
  if (!found.screen) return <p role="alert">There is no such page. <a href="/ui/">All VPSes</a></p>;
  return <found.screen parts={parts} />;
}

type PaletteModule = { Palette: ComponentType<{ close: () => void }> };
let palette: PaletteModule | undefined;

async function fetchPalette(): Promise<PaletteModule> {
  return (palette ??= await arriving(() => import("../palette/palette")));
}

/** Fetched once the page has nothing else to do, so that it is there with the first key: what is typed next is its own. */
function usePaletteSoon(): void {
  useEffect(() => {
    const soon = () => void fetchPalette().catch(() => {});
    if (typeof requestIdleCallback === "function") requestIdleCallback(soon);
    else setTimeout(soon, 1000);
  }, []);
}

function LazyPalette({ close }: { close: () => void }) {
  const [view, setView] = useState(palette);
  useEffect(() => {
    if (!view) {
      fetchPalette().then(setView, (error: unknown) => {
        complain(error);
        close();
      });
    }
  }, []);
  return view ? <view.Palette close={close} /> : <p class="waiting" role="status" data-coming>…</p>;
}
