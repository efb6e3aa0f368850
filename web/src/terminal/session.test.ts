import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeViewer, FakeWorld, SIZE, Shell, attached, bytes, settled, status, text } from "./fake";
import { MOST_INPUT, UNCONFIRMED } from "./protocol";
import { Session } from "./session";

/**
 * One shell with output and input both ways, moved in small steps, whose connection is cut before step `at`; how many
 * steps there were. A step is one byte to the node, or one message to the page.
 */
async function story(at: number): Promise<number> {
  const { shell, world, viewer, session } = await attached();
  let [steps, typed] = [0, ""];
  const move = async () => {
    for (const isUp of [true, true, true, false]) {
      const { link } = world;
      if (isUp ? link.upward === 0 : link.downward === 0) continue;
      if (steps++ === at) {
        link.cut();
        await world.pass(300);
        world.link.accept();
        continue;
      }
      if (isUp) link.moveUp(1);
      else link.moveDown(1);
    }
  };
  for (let round = 0; round < 12; round++) {
    const line = `line ${round}\r\n`;
    shell.write(bytes(line));
    const key = `k${round};`;
    typed += key;
    assert.ok(session.type(bytes(key)));
    await move();
    if (round % 3 === 2) shell.confirm();
    if (round === 6) await world.pass(150); // an acknowledgement
  }
  while (world.link.upward + world.link.downward > 0) await move();
  assert.equal(viewer.all, text([shell.written]), `the output, with a cut at step ${at}`);
  assert.equal(text(shell.taken), typed, `the input, with a cut at step ${at}`);
  assert.equal(viewer.missedCount, 0);
  return steps;
}

test("every byte arrives exactly once both ways, wherever the connection is cut", async () => {
  const steps = await story(-1);
  assert.ok(steps > 50, String(steps));
  for (let at = 0; at < steps; at++) await story(at);
});

test("who comes back asks for exactly the byte that is missing, and with a number above its last", async () => {
  const { shell, world, viewer } = await attached();
  shell.write(bytes("0123456789"));
  world.link.moveAll();
  shell.write(bytes("lost on its way"));
  const first = world.link;
  first.cut();
  assert.equal(viewer.phase, "lost");
  await world.pass(300);
  assert.notEqual(world.link, first);
  assert.equal(world.link.asked.offset, 10);
  assert.equal(world.link.asked.attachment, first.number + 1);
  assert.equal(world.link.asked.isKnown, true, "a shell that ended meanwhile would be made anew in silence");
  world.link.accept();
  world.link.moveAll();
  assert.equal(viewer.phase, "open");
  assert.equal(viewer.all, "0123456789lost on its way");
});

test("a reader that is slow holds the shell at one window, and is never given more", async () => {
  const { shell, world, viewer } = await attached();
  viewer.isSlow = true;
  shell.write(new Uint8Array(1 << 20).fill(121));
  world.link.moveAll();
  assert.equal(viewer.most, 1 << 18);
  assert.equal(shell.mostUnacknowledged, 1 << 18);
  while (viewer.all.length < 1 << 20) {
    viewer.showNext();
    world.link.moveAll();
    await world.pass(1);
  }
  assert.equal(viewer.most, 1 << 18);
  assert.equal(shell.mostUnacknowledged, 1 << 18);
  assert.ok(shell.acknowledgements <= 40, `${shell.acknowledgements} acknowledgements of 64 pieces`);
  assert.equal(viewer.all.length, 1 << 20);
});

test("a connection is made again only when all that came over the last is shown", async () => {
  const { shell, world, viewer } = await attached();
  viewer.isSlow = true;
  shell.write(new Uint8Array(1 << 20).fill(121));
  world.link.moveAll();
  world.link.cut();
  await world.pass(10_000);
  assert.equal(world.links.length, 1);
  viewer.showNext(Infinity);
  await settled();
  assert.equal(world.links.length, 2);
  assert.equal(world.link.asked.offset, 1 << 18);
  world.link.accept();
  world.link.moveAll();
  assert.equal(viewer.most, 1 << 18);
});

test("little output is acknowledged after a moment, and not piece by piece", async () => {
  const { shell, world } = await attached();
  for (let count = 0; count < 10; count++) {
    shell.write(bytes("x"));
    world.link.moveAll();
  }
  assert.equal(shell.acknowledgements, 0);
  await world.pass(100);
  world.link.moveAll();
  assert.equal(shell.acknowledgements, 1);
  await world.pass(5000);
  world.link.moveAll();
  assert.equal(shell.acknowledgements, 1, "what is known is told again");
});

test("input that nobody confirms waits, and goes on once it is confirmed", async () => {
  const { shell, world, session } = await attached();
  assert.ok(session.type(new Uint8Array(1 << 19).fill(97)));
  world.link.moveAll();
  assert.equal(shell.takenCount, UNCONFIRMED);
  for (let count = 0; count < 3; count++) {
    shell.confirm();
    world.link.moveAll();
  }
  assert.equal(shell.takenCount, 1 << 19);
});

test("more input than this page can keep is refused whole", async () => {
  const { shell, world, session } = await attached();
  assert.equal(session.type(new Uint8Array(MOST_INPUT + 1)), false);
  world.link.moveAll();
  assert.equal(shell.takenCount, 0);
});

test("what was typed while the connection was down is sent once it is back", async () => {
  const { shell, world, session } = await attached();
  world.link.cut();
  assert.ok(session.type(bytes("ls\r")));
  await world.pass(300);
  world.link.accept();
  world.link.moveAll();
  assert.equal(text(shell.taken), "ls\r");
});

test("who is taken over is told, tries nothing, and takes it back when asked to", async () => {
  const { shell, world, viewer, session } = await attached();
  session.type(bytes("mine"));
  const other = new FakeViewer();
  const elsewhere = new Session(world, other, "s1", { rows: 50, cols: 132 });
  const first = world.link;
  elsewhere.open();
  world.link.accept();
  first.moveAll();
  world.link.moveAll();
  assert.equal(viewer.phase, "taken");
  await world.pass(10_000);
  assert.equal(viewer.phase, "taken");
  assert.equal(session.type(bytes("x")), false);
  elsewhere.type(bytes("th"));
  shell.write(bytes("meanwhile"));
  world.link.moveAll();
  session.again();
  assert.equal(world.link.asked.attachment, undefined, "who merely counts on never overtakes");
  assert.equal(world.link.asked.redraw, true);
  world.link.accept();
  world.link.moveAll();
  assert.equal(viewer.phase, "open");
  assert.equal(viewer.all, "meanwhile");
  assert.equal(text(shell.taken), "th", "what was typed before the takeover is typed into what the other has done");
  elsewhere.leave();
});

test("who was taken over while the connection was down is told when it comes back", async () => {
  const { shell, world, viewer } = await attached();
  const elsewhere = new Session(world, new FakeViewer(), "s1", SIZE);
  world.link.cut();
  elsewhere.open();
  world.link.accept();
  world.link.moveAll();
  await world.pass(300);
  world.link.accept();
  world.link.moveAll();
  assert.equal(viewer.phase, "taken");
  elsewhere.leave();
  assert.equal(shell.hangups, 0);
});

test("a refusal is shown in the server's words, and nothing is tried any more", async () => {
  const world = new FakeWorld(new Shell());
  const viewer = new FakeViewer();
  const session = new Session(world, viewer, "s1", SIZE);
  session.open();
  world.link.tell({ error: { code: 409, message: "dev is stopped", details: { hint: "start it" } } });
  world.link.moveDown();
  await world.pass(60_000);
  assert.equal(world.links.length, 1);
  const last = viewer.standings.at(-1);
  assert.ok(last?.phase === "refused");
  assert.deepEqual([last.error.message, last.error.hint], ["dev is stopped", "start it"]);
});

test("what the door refuses is asked for again without an upgrade, and shown", async () => {
  const world = new FakeWorld(new Shell());
  world.refusal = status(403, "viewer may not open a terminal");
  const viewer = new FakeViewer();
  new Session(world, viewer, "s1", SIZE).open();
  world.link.cut();
  await settled();
  assert.equal(world.whyAsked, 1);
  const last = viewer.standings.at(-1);
  assert.ok(last?.phase === "refused" && last.error.message === "viewer may not open a terminal");
});

test("a server that is away is waited for, in sight, and not for ever", async () => {
  const world = new FakeWorld(new Shell());
  world.refusal = status(0, "the API server does not answer");
  const viewer = new FakeViewer();
  const session = new Session(world, viewer, "s1", SIZE);
  session.open();
  const fails = async () => {
    world.link.cut();
    await world.pass(2000);
  };
  await fails();
  const first = viewer.standings.at(-1);
  assert.ok(first?.phase === "opening" && first.why?.message === "the API server does not answer");
  for (let count = 0; count < 15; count++) await fails();
  assert.equal(viewer.phase, "refused");
  const tries = world.links.length;
  await world.pass(60_000);
  assert.equal(world.links.length, tries);
  session.again();
  world.link.accept();
  world.link.moveAll();
  assert.equal(viewer.phase, "open");
});

test("a node that restarts is waited for by a shell that was there, as long as the shell is kept", async () => {
  const { world, viewer } = await attached();
  world.link.cut();
  const away = { code: 503, message: "node n1 is not connected", details: { retryAfterSeconds: 2 } };
  const refuse = async (ms: number) => {
    world.link.tell({ error: away });
    world.link.moveDown();
    await world.pass(ms);
  };
  await world.pass(300);
  for (let count = 0; count < 20; count++) await refuse(2000);
  const last = viewer.standings.at(-1);
  assert.ok(last?.phase === "lost" && last.why.message === "node n1 is not connected");
  world.time += 700_000;
  await refuse(2000);
  const end = viewer.standings.at(-1);
  assert.ok(end?.phase === "ended" && end.message === "gave up: node n1 is not connected", JSON.stringify(end));
});

test("a shell that is gone when one comes back has ended; what is paused has not", async () => {
  for (const [code, phase] of [[404, "ended"], [409, "refused"]] as const) {
    const { world, viewer } = await attached();
    world.link.cut();
    await world.pass(300);
    world.link.tell({ error: { code, message: "there is no session s1 any more" } });
    world.link.moveDown();
    assert.equal(viewer.phase, phase);
  }
});

test("a shell that a reload comes back to is never made anew", async () => {
  const world = new FakeWorld(new Shell());
  const viewer = new FakeViewer();
  new Session(world, viewer, "s1", SIZE, true).open();
  assert.equal(world.link.asked.isKnown, true);
  assert.equal(world.link.asked.offset, undefined, "a page that has nothing asks for all that is kept");
  world.link.tell({ error: { code: 404, message: "there is no session s1 any more" } });
  world.link.moveDown();
  assert.equal(viewer.phase, "ended");
});

test("output that is no longer kept is counted, and what is kept follows it", async () => {
  const { shell, world, viewer } = await attached();
  shell.kept = 100;
  world.link.cut();
  shell.write(new Uint8Array(1000).fill(120));
  await world.pass(300);
  world.link.accept();
  world.link.moveAll();
  assert.equal(viewer.missedCount, 900);
  assert.equal(viewer.all.length, 100);
  world.link.cut();
  shell.write(bytes("more"));
  await world.pass(300);
  assert.equal(world.link.asked.offset, 1000);
});

test("the end of the shell is told with its code", async () => {
  for (const [code, words] of [[0, "the shell ended"], [3, "the shell ended with code 3"], [137, "the shell ended by signal 9"]] as const) {
    const { world, viewer } = await attached();
    world.link.tell({ exit: { code } });
    world.link.moveDown();
    const last = viewer.standings.at(-1);
    assert.ok(last?.phase === "ended");
    assert.deepEqual([last.message, last.code], [words, code]);
    await world.pass(60_000);
    assert.equal(world.links.length, 1);
  }
});

test("a size that changes while the connection is down or under way reaches the shell", async () => {
  const { shell, world, session } = await attached();
  session.resize({ rows: 30, cols: 90 });
  world.link.moveAll();
  world.link.cut();
  session.resize({ rows: 31, cols: 91 });
  await world.pass(300);
  session.resize({ rows: 32, cols: 92 });
  world.link.accept();
  world.link.moveAll();
  assert.deepEqual(shell.sizes.map(({ rows }) => rows), [24, 30, 31, 32]);
});

test("a dead connection is noticed: after silence, and sooner while something typed is not confirmed", async () => {
  for (const [isTyping, within] of [[false, 21_000], [true, 8000]] as const) {
    const { world, viewer, session } = await attached();
    if (isTyping) session.type(bytes("ls\r"));
    await world.pass(within);
    assert.equal(world.links[0]?.isClosed, true, "nobody noticed");
    assert.ok(viewer.standings.some(({ phase }) => phase === "lost"));
    session.leave();
  }
});

test("a quiet connection that lives is left alone", async () => {
  const { world, viewer, session } = await attached();
  session.type(bytes("sleep 1000\r"));
  for (let count = 0; count < 600; count++) {
    await world.pass(1000);
    world.link.moveAll();
  }
  assert.equal(world.links.length, 1);
  assert.equal(viewer.phase, "open");
});

test("who comes back to the page tries at once what is waited for, and asks what is open", async () => {
  const { world, viewer, session } = await attached();
  world.seen = false;
  world.link.cut();
  for (let count = 0; count < 12; count++) {
    await world.pass(30_000);
    if (!world.link.isClosed) world.link.cut();
  }
  await settled();
  const tries = world.links.length;
  session.wake();
  assert.equal(world.links.length, tries + 1);
  world.link.accept();
  world.link.moveAll();
  session.wake();
  await world.pass(3500);
  assert.equal(viewer.phase, "lost", "a connection that died in sleep was taken for alive");
});

test("a node that knows no pings is connected anew after a long sleep, and not otherwise", async () => {
  const shell = new Shell();
  shell.pings = false;
  const world = new FakeWorld(shell);
  const session = new Session(world, new FakeViewer(), "s1", SIZE);
  session.open();
  world.link.accept();
  world.link.moveAll();
  await world.pass(100_000);
  assert.equal(world.links.length, 1);
  session.wake();
  await world.pass(300);
  assert.equal(world.links.length, 2);
});

test("a handshake that hangs is given up", async () => {
  const world = new FakeWorld(new Shell());
  const viewer = new FakeViewer();
  new Session(world, viewer, "s1", SIZE).open();
  await world.pass(16_000);
  assert.equal(world.links[0]?.isClosed, true);
  assert.equal(viewer.phase, "opening");
  assert.ok(world.links.length > 1);
});

test("who has left hears nothing more and tries nothing", async () => {
  const { shell, world, viewer, session } = await attached();
  viewer.isSlow = true;
  shell.write(bytes("not shown yet"));
  world.link.moveAll();
  world.link.cut();
  await world.pass(300);
  session.leave();
  viewer.showNext(Infinity);
  const told = viewer.standings.length;
  await world.pass(600_000);
  assert.equal(world.links.length, 1);
  assert.equal(viewer.standings.length, told);
});

test("a shell that was made here is told from one that was found", async () => {
  const { world, session } = await attached();
  world.link.cut();
  await world.pass(300);
  world.link.accept();
  world.link.moveAll();
  assert.equal(session.wasMade, true);
  const other = new Session(world, new FakeViewer(), "s1", SIZE, true);
  other.open();
  world.link.accept();
  world.link.moveAll();
  assert.equal(other.wasMade, false);
});

test("a VPS that is being restarted is waited for, though the server says that it does not run", async () => {
  const world = new FakeWorld(new Shell());
  const viewer = new FakeViewer();
  new Session(world, viewer, "s1", SIZE, false, true).open();
  for (let count = 0; count < 20; count++) {
    world.link.tell({ error: { code: 409, message: "dev is not running: it is being started" } });
    world.link.moveDown();
    assert.equal(viewer.phase, "opening");
    await world.pass(2000);
  }
  world.link.accept();
  world.link.moveAll();
  assert.equal(viewer.phase, "open");
});
