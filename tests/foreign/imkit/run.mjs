// IMKit's realtime calls as its clients make them, through the published socket.io-client.
// SERVER, CLIENT_KEY, ROOM, ANN and BOB (tokens) come by the environment; a line per check.
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const { io } = require("socket.io-client");
const { SERVER, CLIENT_KEY, ROOM, ANN, BOB } = process.env;
const BOUND = 15_000;

const bounded = (what, work) =>
  Promise.race([
    work,
    new Promise((_, fail) => setTimeout(() => fail(new Error(`did not come: ${what}`)), BOUND)),
  ]);
const check = (name, holds, seen) => {
  if (!holds) throw new Error(`${name}: ${JSON.stringify(seen)}`);
  console.log(`ok ${name}`);
};
const decoded = (value) =>
  typeof value === "string" ? JSON.parse(Buffer.from(value, "base64").toString("utf8")) : value;
const call = (socket, name, ...args) =>
  bounded(`the ack of ${name}`, new Promise((done) => socket.emit(name, ...args, done)));
const heard = (socket, name, fits = () => true) =>
  bounded(
    name,
    new Promise((done) => {
      const listen = (raw) => {
        if (!fits(decoded(raw))) return;
        socket.off(name, listen);
        done(raw);
      };
      socket.on(name, listen);
    }),
  );

const connect = async (transports) => {
  const socket = io(SERVER, { transports, forceNew: true, reconnection: false });
  await bounded(
    `connect by ${transports}`,
    new Promise((done, fail) => {
      socket.on("connect", done);
      socket.on("connect_error", fail);
    }),
  );
  return socket;
};

// The JavaScript library: base64.
const ann = await connect(["websocket"]);
check("conf", (await call(ann, "conf", { encoding: "base64" })) === undefined);
const entered = await call(ann, "auth2", ANN, { CLIENT_KEY, Authorization: ANN });
check("auth2 answers in base64", typeof entered === "string", entered);
check("auth2", decoded(entered).RC === 0 && decoded(entered).result.client._id === "ann", decoded(entered));

// The Vue page: plain, no ack; it begins by polling and moves to a WebSocket.
const bob = await connect(["polling", "websocket"]);
const plain = await call(bob, "auth2", BOB, { "IM-CLIENT-KEY": CLIENT_KEY, "IM-Authorization": BOB });
check("auth2 plain", plain.RC === 0 && plain.result._id === "bob", plain);

const here = heard(ann, "chat message");
const there = heard(bob, "chat message");
const sent = await call(ann, "chat message", { room: ROOM, messageType: "text", message: "哈囉 hello" });
check("chat message", sent.RC === 0 && sent.result.message === "哈囉 hello", sent);
const [mine, theirs] = [await here, await there];
check("pushed in base64", typeof mine === "string", mine);
check("pushed plain", theirs.message === "哈囉 hello" && theirs.sender._id === "ann", theirs);
check("one id", decoded(mine)._id === theirs._id && sent.result._id === theirs._id, theirs);

const sticker = heard(ann, "chat message", (one) => one.messageType === "sticker");
await call(bob, "chat message", { room: ROOM, messageType: "sticker", sticker: "Fun-1" });
check("sticker", decoded(await sticker).sticker === "Fun-1");

const typing = heard(ann, "typing");
bob.emit("typing", ROOM);
const typed = decoded(await typing);
check("typing", typed.room === ROOM && typed.sender === "bob" && typed.senderInfo._id === "bob", typed);

const read = heard(ann, "lastRead", (one) => one.memberID === "bob");
const marked = await call(bob, "lastRead", { room: ROOM, message: theirs._id });
check("lastRead answered", marked.RC === 0, marked);
const told = decoded(await read);
check("lastRead", told.roomID === ROOM && typeof told.messageID === "string", told);

const recalled = heard(bob, "chat message", (one) => one.messageType === "recall");
await call(ann, "chat message", { room: ROOM, _id: theirs._id, messageType: "recall" });
check("recall", (await recalled)._id === theirs._id);

const room = heard(bob, "room", (one) => one.name === "Renamed");
await fetch(`${SERVER}/rooms/${encodeURIComponent(ROOM)}`, {
  method: "PUT",
  headers: { CLIENT_KEY, "IM-Authorization": ANN, "content-type": "application/json" },
  body: JSON.stringify({ name: "Renamed" }),
});
check("room", (await room)._id === ROOM);

const outside = await call(ann, "chat message", { room: "nowhere", message: "x" });
check("refused in an ack", outside.RC === 404 && outside.error.code === "ROOM_NOT_FOUND", outside);

const stranger = await connect(["websocket"]);
const early = await call(stranger, "chat message", { room: ROOM, message: "x" });
check("nothing before auth", early.RC === 401, early);
const gone = bounded("disconnect", new Promise((done) => stranger.on("disconnect", done)));
const refused = await call(stranger, "auth2", "wrong-token", { CLIENT_KEY });
check("auth2 refused", refused.RC === 401 && refused.error.code === "INVALID_TOKEN", refused);
await gone;
check("then disconnected", true);

const polling = await connect(["polling"]);
const slow = await call(polling, "auth2", ANN, { CLIENT_KEY });
check("polling alone", slow.RC === 0, slow);

for (const socket of [ann, bob, polling]) socket.close();
console.log("all done");
process.exit(0);
