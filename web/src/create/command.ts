/** The command that does what the form does. Pure. */
import { capabilitiesOf, type Form, keysOf, pairs } from "./model";

export interface Command {
  /** To be pasted into a shell. */
  readonly line: string;
  /** The fields that `vps create` has no option for, for which the line is another; empty where there is none. */
  readonly lacking: readonly string[];
}

/** `kohakuriver vps create …`, or `kohakuriver apply` where that has no option for what is asked. */
export function commandOf(form: Form, beyond: readonly string[]): Command {
  const lacking = [...unknown(form), ...beyond];
  if (lacking.length > 0) return { line: quoted(["kohakuriver", "apply", "-f", `${form.name.trim() || "vps"}.yaml`]), lacking };
  return { line: quoted(["kohakuriver", "vps", "create", ...words(form)]), lacking };
}

function unknown(form: Form): string[] {
  const asked: [boolean, string][] = [
    [form.isExclusive, "spec.resources.exclusive"],
    [form.gpuModel.trim() !== "", "spec.placement.gpus.model"],
    [form.selector.trim() !== "", "spec.placement.nodeSelector"],
    [form.login === "off", "spec.ssh.disabled"],
    [form.volumes.some((one) => one.isDeleted), "spec.volumes.reclaimPolicy"],
  ];
  return asked.filter(([is]) => is).map(([, path]) => path);
}

function words(form: Form): string[] {
  const keys = keysOf(form.keys);
  return [
    ...(form.name.trim() ? [form.name.trim()] : []),
    ...option("-n", form.namespace === "default" ? "" : form.namespace),
    ...option("--target", form.node.trim().toLowerCase()),
    ...option("--cores", form.cores.trim()),
    ...option("--memory", form.memory.trim()),
    ...option("--disk", form.disk.trim()),
    ...option("--gpus", form.gpus.trim()),
    ...option("--container", form.from === "environment" ? form.environment : ""),
    ...option("--image", form.from === "image" ? form.image.trim() : ""),
    ...form.volumes.flatMap((one) => option("--volume", `${one.name}:${one.target}`)),
    ...form.mounts.flatMap((one) => option("--mount", `${one.source}:${one.target}${one.isReadOnly ? ":ro" : ""}`)),
    ...Object.entries(pairs(form.env, /\n/).found).flatMap(([name, value]) => option("--env", `${name}=${value}`)),
    ...(form.isPrivileged ? ["--privileged"] : []),
    ...capabilitiesOf(form.add).flatMap((name) => option("--cap-add", name)),
    ...capabilitiesOf(form.drop).flatMap((name) => option("--cap-drop", name)),
    ...(form.noNewPrivileges ? ["--no-new-privileges"] : []),
    ...(form.login === "passwordless" ? ["--no-ssh-key"] : []),
    ...(form.login === "keys" ? option("--public-key-string", keys.join("\n")) : []),
  ];
}

function option(name: string, value: string): string[] {
  return value ? [name, value] : [];
}

/** Words as a shell has to be given them. */
export function quoted(all: readonly string[]): string {
  return all.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`)).join(" ");
}
