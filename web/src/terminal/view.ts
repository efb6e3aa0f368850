/** One shell on the page: its session, the terminal that shows it, and what is told of it. Lives on while another part of the page is shown. */
import { effect, signal } from "@preact/signals";
import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { UnicodeGraphemesAddon } from "@xterm/addon-unicode-graphemes";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { WebglAddon } from "@xterm/addon-webgl";
import { Terminal } from "@xterm/xterm";
import type { KObject } from "../api/objects";
import { whatHappened } from "./aftermath";
import { isAnswer } from "./answers";
import { Browser, openLink, withNonce } from "./browser";
import { ASK_ABOVE, cleaned, lineCount } from "./paste";
import { newSession } from "./protocol";
import { Retries } from "./retries";
import { Session, type Standing, type Viewer } from "./session";
import { changeFont, fontSize, screenReader } from "./settings";
import { onTheme, themeAt } from "./theme";

const SCROLLBACK = 10_000; // lines
const RESIZE_AFTER = 80; // ms of rest
const END_WITHIN = 10_000; // ms for a shell to end before its connection is closed
const FLASH = 150; // ms
const AGAIN_AFTER = 500; // ms
const SIGNALLED = 128; // exit codes above it: something was ended by a signal
const LONGEST_TITLE = 80; // characters
/** What a program may have left set when its shell ended: another screen, the mouse, brackets around pastes, a hidden cursor. */
const UNDO = "\x1b[?1049l\x1b[?1000;1002;1003;1004;1006;2004l\x1b[!p\x1b[0m\r\n";

const encoder = new TextEncoder();

/** What the person asks of the panel around it. */
export interface Wishes {
  search(): void;
  /** More lines than one pastes without a look. */
  askPaste(text: string): void;
  /** A link whose text may say something else. */
  askLink(uri: string): void;
  /** It was more than can wait here. */
  tooMuch(): void;
  copied(text: string): void;
  /** The way out for who has only a keyboard. */
  leave(): void;
  /** The shell has another name now. */
  renamed(): void;
  /** The shell that this page had before is no more. */
  gone(): void;
}

export class View implements Viewer {
  readonly host = document.createElement("div");
  readonly standing = signal<Standing>({ phase: "opening" });
  /** What the program calls itself; empty where it does not. */
  readonly title = signal("");
  readonly hasRung = signal(false);
  readonly isFlashing = signal(false);
  /** Bytes of output that came while nobody was attached, and are no longer kept. */
  readonly missedBytes = signal(0);
  /** What else is to be known of it. */
  readonly note = signal("");
  /** Where the link under the pointer leads. */
  readonly link = signal("");
  /** The next key is typed with Ctrl: for who has no such key. */
  readonly ctrl = signal(false);
  readonly terminal: Terminal;
  readonly search = new SearchAddon();
  session: Session;

  private readonly fitting = new FitAddon();
  private readonly ends: (() => void)[] = [];
  private isOpened = false;
  private wasThere = false;
  private wasTyped = false; // by a person
  private readonly retries = new Retries();
  private isEnding = false;
  private isDisposed = false;
  private vps: KObject | undefined; // as it was when the shell was opened
  private resizing: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly browser: Browser,
    id: string,
    isKnown: boolean,
    private readonly wishes: Wishes,
  ) {
    this.host.className = "terminal-host";
    this.host.dataset["keepsKeys"] = ""; // Ctrl-K is the shell's
    this.terminal = new Terminal({
      allowProposedApi: true,
      cursorBlink: false,
      fontFamily: 'ui-monospace, "JetBrains Mono", "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace',
      fontSize: fontSize.peek(),
      lineHeight: 1.15,
      screenReaderMode: screenReader.peek(),
      scrollback: SCROLLBACK,
      minimumContrastRatio: 4.5,
      macOptionClickForcesSelection: true,
      linkHandler: {
        activate: (_, uri) => this.wishes.askLink(uri),
        hover: (_, uri) => (this.link.value = uri),
        leave: () => (this.link.value = ""),
      },
    });
    this.session = this.sessionOf(id, isKnown);
    this.terminal.onData((data) => {
      this.wasTyped ||= !isAnswer(data);
      this.type(encoder.encode(this.withCtrl(data)));
    });
    this.terminal.onBinary((data) => this.type(Uint8Array.from(data, (one) => one.charCodeAt(0))));
    this.terminal.onResize((size) => this.session.resize({ rows: size.rows, cols: size.cols }));
    this.terminal.onTitleChange((title) => (this.title.value = title.slice(0, LONGEST_TITLE)));
    this.terminal.onBell(() => this.ring());
    this.terminal.attachCustomKeyEventHandler((event) => this.mayHandle(event));
    this.host.addEventListener("paste", (event) => this.pasted(event), true);
  }

  // A Viewer.

  show(data: Uint8Array, done: () => void): void {
    this.terminal.write(data, done);
  }

  missed(count: number): void {
    this.missedBytes.value += count;
  }

  changed(standing: Standing): void {
    this.standing.value = standing;
    if (this.isEnding) queueMicrotask(() => this.dispose());
    else if (standing.phase === "open") this.wasThere = true;
    else if (standing.phase !== "ended") return;
    else if (!this.wasThere) queueMicrotask(() => this.wishes.gone());
    else if (this.retries.another(standing.code, this.wasTyped)) {
      const { session } = this;
      setTimeout(() => this.session === session && !this.isDisposed && this.openAfterRestart(), AGAIN_AFTER);
    } else if (standing.code === undefined || standing.code > SIGNALLED) void this.explain(standing);
  }

  /** Whether it was made here, and nothing was ever typed into it: nobody comes back to such a shell. */
  get isUntouched(): boolean {
    return this.session.wasMade && !this.wasTyped;
  }

  // What the panel does.

  /** Puts it on the page, and opens the shell when that is the first time. */
  mount(place: HTMLElement): void {
    place.append(this.host);
    if (!this.isOpened) this.open();
    else this.fit();
    this.hasRung.value = false;
  }

  focus(): void {
    this.terminal.focus();
  }

  /** Text from the clipboard, which a program that wants to know is told apart from typing. */
  paste(text: string): void {
    this.terminal.paste(text);
    this.focus();
  }

  /** Keys that a screen has no buttons for. */
  press(name: Key): void {
    const isApplication = this.terminal.modes.applicationCursorKeysMode;
    if (name === "Escape" || name === "Tab") this.terminal.input(name === "Tab" ? "\t" : "\x1b");
    else if (this.ctrl.value) this.terminal.input(`\x1b[1;5${ARROWS[name]}`);
    else this.terminal.input(`\x1b${isApplication ? "O" : "["}${ARROWS[name]}`);
    this.ctrl.value = false;
  }

  /** A new shell in the same place, below what the last one wrote. */
  openAnother(): void {
    this.retries.none();
    this.renew(false);
  }

  /** Ends the shell, and is gone once it has heard of that. */
  end(): void {
    this.isEnding = true;
    this.host.remove();
    this.session.hangUp();
    setTimeout(() => this.dispose(), END_WITHIN);
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.session.leave();
    clearTimeout(this.resizing);
    for (const end of this.ends) end();
    withNonce(() => this.terminal.dispose());
    this.host.remove();
  }

  // Behind it.

  private sessionOf(id: string, isKnown: boolean, isRestarting = false): Session {
    const { rows, cols } = this.terminal;
    return new Session(this.browser, this, id, { rows, cols }, isKnown, isRestarting);
  }

  private renew(isRestarting: boolean): void {
    this.session.leave();
    this.wasTyped = false;
    this.missedBytes.value = 0;
    this.note.value = "";
    this.title.value = "";
    this.terminal.write(UNDO);
    this.session = this.sessionOf(newSession(), false, isRestarting);
    this.begin();
    this.wishes.renamed();
    this.focus();
  }

  private begin(): void {
    this.session.open();
    this.browser.vps().then((vps) => (this.vps = vps), () => {});
  }

  /** Says what was done to the VPS, where that has ended the shell; after a restart there is a new one. */
  private async explain(standing: Standing & { phase: "ended" }): Promise<void> {
    const found = await this.browser.vps().then((now) => whatHappened(this.browser.name, this.vps, now), () => undefined);
    if (!found || this.standing.peek() !== standing) return;
    if (found.what !== "restarted") {
      this.standing.value = { ...standing, message: found.message, hint: found.hint };
      return;
    }
    this.retries.begin();
    this.openAfterRestart();
  }

  private openAfterRestart(): void {
    this.renew(true);
    this.note.value = `${this.browser.name} was restarted; this is a new shell`;
  }

  private open(): void {
    this.isOpened = true;
    const { terminal } = this;
    withNonce(() => terminal.open(this.host));
    terminal.loadAddon(this.fitting);
    terminal.loadAddon(this.search);
    terminal.loadAddon(new UnicodeGraphemesAddon());
    const hovering = { hover: (_: MouseEvent, uri: string) => void (this.link.value = uri), leave: () => void (this.link.value = "") };
    terminal.loadAddon(new WebLinksAddon((_, uri) => openLink(uri), hovering));
    this.accelerate();
    const paint = () => (terminal.options.theme = themeAt(this.host));
    paint();
    this.ends.push(
      onTheme(paint),
      effect(() => {
        terminal.options.fontSize = fontSize.value;
        this.fit();
      }),
      effect(() => {
        terminal.options.screenReaderMode = screenReader.value;
      }),
    );
    const observer = new ResizeObserver(() => {
      clearTimeout(this.resizing);
      this.resizing = setTimeout(() => this.fit(), RESIZE_AFTER);
    });
    observer.observe(this.host);
    this.ends.push(() => observer.disconnect());
    this.fit();
    this.begin();
  }

  /** Drawn by the graphics card where there is one; what it loses, the page's own elements draw. */
  private accelerate(): void {
    if (!hasGraphics()) return;
    try {
      const addon = new WebglAddon();
      addon.onContextLoss(() => withNonce(() => addon.dispose()));
      this.terminal.loadAddon(addon);
    } catch {
      // it has no room for one more
    }
  }

  private fit(): void {
    if (!this.host.isConnected || this.host.clientWidth === 0 || this.host.clientHeight === 0) return;
    this.fitting.fit();
  }

  private type(data: Uint8Array): void {
    const { phase } = this.standing.peek();
    const isHeard = phase === "open" || phase === "lost" || phase === "opening";
    if (isHeard && !this.session.type(data)) this.wishes.tooMuch();
  }

  private withCtrl(data: string): string {
    if (!this.ctrl.peek() || data.length !== 1) return data;
    this.ctrl.value = false;
    const code = data.toUpperCase().charCodeAt(0);
    return code >= 0x40 && code < 0x60 ? String.fromCharCode(code & 0x1f) : data === " " ? "\0" : data;
  }

  private ring(): void {
    this.isFlashing.value = true;
    setTimeout(() => (this.isFlashing.value = false), FLASH);
    if (!this.host.isConnected) this.hasRung.value = true;
  }

  /** Whether a key is the terminal's; the page's own are done here. */
  private mayHandle(event: KeyboardEvent): boolean {
    if (event.type !== "keydown" || !event.ctrlKey || event.altKey || event.metaKey) return true;
    const done = (act?: () => void) => {
      event.preventDefault();
      event.stopPropagation();
      act?.();
      return false;
    };
    const key = event.key.toLowerCase();
    if (key === "c" && this.terminal.hasSelection()) return done(() => this.copy());
    if (event.shiftKey) {
      if (key === "c") return done();
      if (key === "v") return false; // the browser pastes
      if (key === "f") return done(() => this.wishes.search());
      if (key === "arrowup") return done(() => this.wishes.leave());
    }
    if (key === "+" || key === "=") return done(() => changeFont(1));
    if (key === "-") return done(() => changeFont(-1));
    if (key === "0") return done(() => changeFont(0));
    return true;
  }

  private copy(): void {
    this.wishes.copied(this.terminal.getSelection());
    this.terminal.clearSelection();
  }

  private pasted(event: ClipboardEvent): void {
    event.preventDefault();
    event.stopPropagation();
    const text = cleaned(event.clipboardData?.getData("text/plain") ?? "");
    if (!text) return;
    if (lineCount(text) > ASK_ABOVE) this.wishes.askPaste(text);
    else this.paste(text);
  }
}

/** Whether there is a graphics card: one that the processor only plays is slower than the page's own elements. */
function hasGraphics(): boolean {
  const context = document.createElement("canvas").getContext("webgl2");
  if (!context) return false;
  const named = context.getExtension("WEBGL_debug_renderer_info")?.UNMASKED_RENDERER_WEBGL ?? context.RENDERER;
  const isPlayed = /swiftshader|llvmpipe|softpipe|basic render/i.test(String(context.getParameter(named)));
  context.getExtension("WEBGL_lose_context")?.loseContext(); // a page has few of them
  return !isPlayed;
}

const ARROWS = { Up: "A", Down: "B", Right: "C", Left: "D" } as const;
export type Key = "Escape" | "Tab" | keyof typeof ARROWS;
