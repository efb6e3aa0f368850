// For those who change the page: serves the built page on this machine and passes everything else on to an API server,
// with the credential of a config file.
//
//   node build.mjs --watch &
//   node dev.mjs [--port 5173] [--config ~/.kohakuriver/config] [--context NAME]
//
// It listens on 127.0.0.1 only, and whoever reaches that port acts with this credential: end it when you are done.
import { createServer } from "node:http";
import { request } from "node:https";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { parse } from "yaml";

const here = dirname(fileURLToPath(import.meta.url));
const built = process.env.OUT ?? join(here, "..", "kohakuriver", "web");
const { values } = parseArgs({
  options: {
    port: { type: "string", default: "5173" },
    config: { type: "string", default: process.env.KOHAKURIVER_CONFIG ?? join(homedir(), ".kohakuriver", "config") },
    context: { type: "string" },
  },
});

const config = parse(await readFile(values.config, "utf8"));
const named = (list, name) => config[list].find((one) => one.name === name);
const context = named("contexts", values.context ?? config["current-context"]).context;
const cluster = named("clusters", context.cluster).cluster;
const user = named("users", context.user).user;
const server = new URL(cluster.server);
const relative = (path) => resolve(dirname(values.config), path);
const content = async (data, file) => (data ? Buffer.from(data, "base64") : file ? await readFile(relative(file)) : undefined);
const token = user.token ?? (user.tokenFile ? (await readFile(relative(user.tokenFile), "utf8")).trim() : undefined);
const tls = {
  ca: await content(cluster["certificate-authority-data"], cluster["certificate-authority"]),
  cert: await content(user["client-certificate-data"], user["client-certificate"]),
  key: await content(user["client-key-data"], user["client-key"]),
};
const types = { js: "text/javascript", css: "text/css", html: "text/html", woff2: "font/woff2", map: "application/json" };

function passed(headers) {
  const { host, origin, cookie, ...rest } = headers;
  const kept = Object.fromEntries(Object.entries(rest).filter(([name]) => !name.startsWith("sec-fetch-")));
  return { ...kept, host: server.host, ...(token ? { authorization: `Bearer ${token}` } : {}) };
}

function asked(req) {
  return request({
    ...tls,
    hostname: server.hostname,
    port: server.port || 443,
    method: req.method,
    path: req.url,
    headers: passed(req.headers),
  });
}

/** Who the page's visitor is, from what this credential is told of itself. */
async function session(res) {
  const review = request({
    ...tls,
    hostname: server.hostname,
    port: server.port || 443,
    method: "POST",
    path: "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    headers: { ...passed({}), "content-type": "application/json" },
  });
  review.on("response", async (answer) => {
    const parts = [];
    for await (const part of answer) parts.push(part);
    const found = JSON.parse(Buffer.concat(parts).toString()).status?.userInfo ?? {};
    const role = (found.groups ?? []).map((group) => /^kohakuriver:(.*)s$/.exec(group)?.[1]).find(Boolean);
    const body = { user: found.username, role: role ?? "admin", namespaces: found.extra?.["kohakuriver.io/namespaces"] ?? [] };
    res.writeHead(answer.statusCode, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  review.end(JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" }));
}

const front = createServer(async (req, res) => {
  const path = new URL(req.url, "http://dev").pathname;
  if (path === "/ui/session") return session(res);
  if (path === "/" || path === "/ui") return res.writeHead(302, { location: "/ui/" }).end();
  if (path.startsWith("/ui/")) {
    const isAsset = path.startsWith("/ui/assets/");
    const file = isAsset ? join(built, "assets", path.slice(11).replaceAll("/", "")) : join(built, "index.html");
    try {
      let body = await readFile(file);
      const nonce = randomBytes(16).toString("base64");
      if (!isAsset) body = body.toString().replaceAll("__NONCE__", nonce).replace("__CAME_FROM__", "none");
      res.writeHead(200, {
        "content-type": types[file.split(".").pop()] ?? "application/octet-stream",
        "content-security-policy":
          "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; " +
          `style-src 'self' 'nonce-${nonce}'; style-src-attr 'unsafe-inline'; worker-src 'self'; base-uri 'none'; ` +
          "form-action 'self'; frame-ancestors 'none'",
      });
      return res.end(body);
    } catch {
      return res.writeHead(404).end("not built: node build.mjs");
    }
  }
  const there = asked(req);
  there.on("response", (answer) => {
    res.writeHead(answer.statusCode, answer.headers);
    answer.pipe(res);
  });
  there.on("error", (error) => (res.headersSent ? res.destroy() : res.writeHead(502).end(String(error))));
  res.on("close", () => there.destroy());
  req.pipe(there);
});

front.on("upgrade", (req, socket, head) => {
  const there = asked(req);
  const lines = (answer) =>
    [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`, ...Object.entries(answer.headers).map(([k, v]) => `${k}: ${v}`)].join("\r\n") + "\r\n\r\n";
  there.on("upgrade", (answer, upstream, first) => {
    socket.write(lines(answer));
    socket.write(first);
    upstream.write(head);
    socket.pipe(upstream).pipe(socket);
    socket.on("error", () => upstream.destroy());
    upstream.on("error", () => socket.destroy());
    socket.on("close", () => upstream.destroy());
    upstream.on("close", () => socket.destroy());
  });
  there.on("response", (answer) => {
    socket.write(lines(answer));
    answer.pipe(socket);
  });
  there.on("error", () => socket.destroy());
  there.end();
});

front.listen(Number(values.port), "127.0.0.1", () => console.log(`http://127.0.0.1:${values.port}/ui/`));
