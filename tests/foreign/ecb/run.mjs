// A page of Enterprise Chat Bridge's: the vendor's flow through the published socket.io-client,
// with one address. SERVER (the bridge) and BACKEND come by the environment; a line per check.
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const { io } = require("socket.io-client");
const { SERVER, BACKEND } = process.env;
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
const post = async (operation, body, userToken) => {
  const headers = { "content-type": "application/json" };
  if (userToken) headers.authorization = `Bearer ${userToken}`;
  const answer = await fetch(`${SERVER}/${operation}`, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: answer.status, ...(await answer.json()) };
};
const call = (socket, name, body) =>
  bounded(`the ack of ${name}`, new Promise((done) => socket.emit(name, body, done)));
const heard = (socket, name) => bounded(name, new Promise((done) => socket.once(name, done)));

// 0. The site gives its page an access token; 1. the bridge gives a user token for it.
const enter = async (user, transports) => {
  const { accessToken } = await (await fetch(`${BACKEND}/access-token?user=${user}`)).json();
  const { userToken } = await post("getUserToken", { accessToken });
  check(`getUserToken of ${user}`, JSON.parse(atob(userToken.split(".")[1])).userId === user, userToken);
  const socket = io(SERVER, { auth: { userToken }, transports, forceNew: true, reconnection: false });
  await heard(socket, "connected");
  return { socket, userToken };
};
const ann = await enter("ann", ["websocket"]);
const bob = await enter("bob", ["polling", "websocket"]);

const contacts = await call(ann.socket, "getContacts", { pageStartIndex: 0, pageSize: 1 });
check("getContacts", contacts.items[0].userId === "bob" && contacts.nextPage.pageStartIndex === 1, contacts);
const first = { type: "text", data: { messageText: "哈囉 first" } };
const made = await call(ann.socket, "createThread", { contactIds: ["bob"], threadMessage: first });
check("createThread", made.messages[0].data.messageText === "哈囉 first", made);
const threads = await call(bob.socket, "getThreads", {});
const thread = threads.items[0];
check("getThreads", thread.threadId === made.thread.threadId && threads.previousPage === null, threads);

const opened = await call(bob.socket, "getThread", { threadToken: thread.threadToken });
check("getThread", opened.messages.length === 1 && opened.thread.members.length === 2, opened);
await call(ann.socket, "getThread", { threadToken: made.thread.threadToken });

// 6. Everybody who listens is told; the author is answered last.
const order = [];
ann.socket.once("threadMessage", () => order.push("told"));
const there = heard(bob.socket, "threadMessage");
const second = { messageId: "page-1", type: "text", data: { messageText: "second" } };
const sent = await call(ann.socket, "sendMessage", { threadToken: made.thread.threadToken, threadMessage: second });
order.push("answered");
check("the author is answered last", order.join() === "told,answered", order);
const told = await there;
check("threadMessage", told.threadMessage.messageId === sent.threadMessage.messageId, told);
check("a fresh threadToken", typeof sent.thread.threadToken === "string", sent);
const again = await call(ann.socket, "sendMessage", { threadToken: sent.thread.threadToken, threadMessage: second });
check("a retry is the same message", again.threadMessage.messageId === sent.threadMessage.messageId, again);

const typed = heard(ann.socket, "threadMessage");
const typing = { type: "typing", data: true };
await call(bob.socket, "sendMessage", { threadToken: thread.threadToken, threadMessage: typing });
check("typing", (await typed).threadMessage.type === "typing");

// Over REST with the same tokens.
const listed = await post("getThread", { threadToken: thread.threadToken }, bob.userToken);
check("REST getThread", listed.status === 200 && listed.messages.length === 2, listed);
const live = heard(ann.socket, "threadMessage");
const third = { type: "text", data: { messageText: "by REST" } };
await post("sendMessage", { threadToken: thread.threadToken, threadMessage: third }, bob.userToken);
check("REST sendMessage", (await live).threadMessage.data.messageText === "by REST");

// Refusals.
const agent = await enter("agent", ["polling"]);
const outside = await call(agent.socket, "getThread", { threadToken: thread.threadToken });
check("not a member", outside.error.code === "not_a_member" && outside.error.status === 403, outside);
const none = await call(agent.socket, "getContacts", {});
check("an agent has no contacts", none.items.length === 0, none);
const bad = { type: "text", data: { messageText: "forbidden" } };
const no = await call(ann.socket, "sendMessage", { threadToken: made.thread.threadToken, threadMessage: bad });
check("the backend's own words", no.error.code === "backend_refused" && no.error.message.includes("not said here"), no);
const stranger = io(SERVER, { auth: { userToken: "wrong" }, forceNew: true, reconnection: false });
const refused = await heard(stranger, "refused");
check("refused", refused.error.code === "user_token_invalid", refused);
const wrong = await post("getUserToken", { accessToken: "wrong" });
check("a wrong access token", wrong.status === 401 && wrong.error.code === "access_token_refused", wrong);

for (const one of [ann, bob, agent]) one.socket.close();
console.log("all done");
process.exit(0);
