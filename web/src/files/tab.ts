/** One open file: what was read, what was typed, and what stands between the two. Knows no editor. */
import { computed, signal } from "@preact/signals";
import { ApiError } from "../api/http";
import { type FilesClient } from "./client";
import { nameOf } from "./entry";
import { type Document, load, save } from "./saving";
import { type Form, isText } from "./text";

export type Files = Pick<FilesClient, "read" | "write" | "stat">;

/** What somebody has to know before going on: it was changed elsewhere, or removed. */
export type News = "changed" | "gone";

export class Tab {
  readonly name: string;
  /** What was read last; nothing while it is read for the first time. */
  readonly document = signal<Document | undefined>(undefined);
  readonly trouble = signal<unknown>(undefined);
  readonly isDirty = signal(false);
  readonly isSaving = signal(false);
  readonly news = signal<News | undefined>(undefined);
  /** What somebody else wrote, while it is decided whose is kept. */
  readonly theirs = signal<Document | undefined>(undefined);
  /** Goes up when the text was replaced by another than that which was typed: the editor begins anew. */
  readonly epoch = signal(0);
  /** How the text stands in its file; nothing where there is none to edit. */
  readonly form = computed<Form | undefined>(() => {
    const content = this.document.value?.content;
    return content && isText(content) ? content : undefined;
  });
  /** What is in the file; undefined where that is not known. */
  base: string | undefined = "";
  /** What the editor keeps while another file is shown. */
  editor: unknown;
  private typed: (() => string) | undefined;

  constructor(
    readonly path: string,
    private readonly files: Files,
    /** Told of everything that a reload would lose. */
    private readonly changed: () => void = () => {},
  ) {
    this.name = nameOf(path);
  }

  /** The text as it was typed. */
  get text(): string {
    return this.typed ? this.typed() : (this.base ?? "");
  }

  get version(): string {
    return this.document.peek()?.version ?? "";
  }

  /** The editor has another text now. */
  edited(text: () => string, isDirty: boolean): void {
    this.typed = text;
    this.isDirty.value = isDirty;
    this.changed();
  }

  /** Reads it, and drops what was typed. */
  async open(): Promise<void> {
    this.trouble.value = undefined;
    try {
      this.show(await load(this.files, this.path));
    } catch (error) {
      this.trouble.value = error;
    }
  }

  /** Goes on with what was typed before the page was loaded again, whatever is in the file now. */
  async restore(text: string, version: string, form: Form): Promise<void> {
    const content = { text, notes: [], ...form };
    this.show({ path: this.path, version, size: text.length, content });
    this.edited(() => text, true);
    this.base = undefined;
    try {
      const found = await load(this.files, this.path);
      if (isText(found.content) && found.version === version) {
        this.document.value = found;
        this.base = found.content.text;
        this.isDirty.value = this.text !== this.base;
        this.epoch.value++;
      } else this.news.value = "changed";
    } catch (error) {
      if (isGone(error)) this.news.value = "gone";
      else this.trouble.value = error;
    }
  }

  /** Writes it if nobody else did meanwhile; else `theirs`, or `news`, says what there is. Whether it is saved. */
  async save(expect = this.version, text = this.text): Promise<boolean> {
    const form = this.form.peek();
    if (!form || this.isSaving.peek()) return false;
    this.isSaving.value = true;
    this.trouble.value = undefined;
    try {
      const saved = await save(this.files, this.path, text, form, expect);
      if (saved.outcome === "changed") this.theirs.value = saved.theirs;
      if (saved.outcome === "gone") this.news.value = "gone";
      if (saved.outcome !== "saved") return false;
      const before = this.document.peek() as Document;
      this.base = text;
      this.document.value = { ...before, version: saved.version, size: saved.size };
      this.isDirty.value = this.text !== text;
      this.news.value = undefined;
      this.theirs.value = undefined;
      this.changed();
      return true;
    } catch (error) {
      this.trouble.value = error;
      return false;
    } finally {
      this.isSaving.value = false;
    }
  }

  /** Mine, over what somebody else wrote; over nothing where it was removed. */
  keepMine(): Promise<boolean> {
    return this.save(this.theirs.peek()?.version ?? "");
  }

  /** What was put together of both. */
  async keepMerged(text: string): Promise<boolean> {
    const isSaved = await this.save(this.theirs.peek()?.version ?? "", text);
    if (isSaved) this.replaced(text);
    return isSaved;
  }

  takeTheirs(): void {
    const theirs = this.theirs.peek();
    if (theirs) this.show(theirs);
  }

  /** Looks whether somebody else changed it. */
  async look(): Promise<void> {
    if (!this.version || this.isSaving.peek() || this.theirs.peek()) return;
    const before = this.version;
    try {
      const found = await this.files.stat(this.path);
      if (before === this.version) this.news.value = found.version === before ? undefined : "changed";
    } catch (error) {
      if (isGone(error) && before === this.version) this.news.value = "gone";
    }
  }

  /** Both, to be compared: what is there now becomes `theirs`. */
  async compare(): Promise<void> {
    try {
      this.theirs.value = await load(this.files, this.path);
    } catch (error) {
      if (isGone(error)) this.news.value = "gone";
      else this.trouble.value = error;
    }
  }

  private show(document: Document): void {
    this.document.value = document;
    this.theirs.value = undefined;
    this.news.value = undefined;
    this.replaced(isText(document.content) ? document.content.text : "");
  }

  private replaced(text: string): void {
    this.base = text;
    this.typed = undefined;
    this.editor = undefined;
    this.isDirty.value = false;
    this.epoch.value++;
    this.changed();
  }
}

function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.code === 404;
}
