/** Kubernetes quantities, read and written as the command does. Pure. */

const FACTORS: ReadonlyMap<string, number> = new Map([
  ["Ki", 2 ** 10], ["Mi", 2 ** 20], ["Gi", 2 ** 30], ["Ti", 2 ** 40], ["Pi", 2 ** 50], ["Ei", 2 ** 60],
  ["n", 1e-9], ["u", 1e-6], ["m", 1e-3], ["", 1], ["k", 1e3], ["M", 1e6], ["G", 1e9], ["T", 1e12], ["P", 1e15], ["E", 1e18],
]);

/** The value of "500m", "4Gi", "1e3" or 2; undefined for what is none. */
export function quantity(written: unknown): number | undefined {
  if (typeof written === "number") return Number.isFinite(written) ? written : undefined;
  if (typeof written !== "string" || written.length > 40) return undefined;
  const parts = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+))([eE][+-]?\d{1,2})?([A-Za-z]*)$/.exec(written.trim());
  if (!parts) return undefined;
  const [, digits = "", exponent = "", suffix = ""] = parts;
  const factor = exponent ? (suffix ? undefined : 1) : FACTORS.get(suffix);
  return factor === undefined ? undefined : Number(digits + exponent) * factor;
}

/** Bytes for a person to read, in binary units with one decimal at most: "9.5Gi". */
export function bytes(count: number): string {
  const units = ["", "Ki", "Mi", "Gi", "Ti"];
  let value = count;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toFixed(1))}${units[unit]}`;
}

/** Cores for a person to read, to the thousandth: "2", "0.5". */
export function cores(count: number): string {
  return String(Number(count.toFixed(3)));
}

/** Cores in a sentence: "1 core", "0.5 cores". */
export function coresInWords(count: number): string {
  const number = cores(count);
  return number === "1" ? "1 core" : `${number} cores`;
}
