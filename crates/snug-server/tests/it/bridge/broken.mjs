// The sample backend, made to break one promise of the bridge: BREAKS names it, SAMPLE is the
// sample's file.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const { door, operations } = await import(process.env.SAMPLE);
const before = { ...operations };
const after = (name, change) => {
  operations[name] = (body) => change(before[name](body), body);
};
const refusedAs = (name, answer) => {
  operations[name] = (body) => {
    try {
      return before[name](body);
    } catch {
      return answer();
    }
  };
};
const forged = (token) => `${token.slice(0, token.lastIndexOf(".") + 1)}${"A".repeat(342)}`;
const failing = () => {
  throw new Error("on purpose");
};

const breaks = {
  reach: () => after("getThreads", failing),
  "only-snug": () => {
    door.isSnug = () => true;
  },
  "wrong-access-token": () => refusedAs("getUserToken", () => ({ userToken: "x" })),
  "user-token": () => after("getUserToken", ({ userToken }) => ({ userToken: forged(userToken) })),
  contacts: () => after("getContacts", (all) => all.map(({ displayName, ...rest }) => rest)),
  create: () =>
    after("createThread", ({ thread, messages }) => ({ thread, messages: messages.map((one) => ({ ...one, type: "note" })) })),
  threads: () => after("getThreads", (all) => all.map((one) => ({ ...one, threadToken: forged(one.threadToken) }))),
  "create-once": () => {
    operations.createThread = (body) => before.createThread({ ...body, idempotencyKey: randomUUID() });
  },
  show: () => after("getThread", ({ thread, messages }) => ({ thread, messages: messages.slice(1) })),
  add: () =>
    after("addThreadMessage", ({ thread, threadMessage }) => ({ thread, threadMessage: { ...threadMessage, fromUserId: "mallory" } })),
  "add-once": () => {
    operations.addThreadMessage = (body) => before.addThreadMessage({ ...body, idempotencyKey: randomUUID() });
  },
  "add-raced": () => {
    const seen = new Map();
    operations.addThreadMessage = async (body) => {
      const key = `${body.threadId}/${body.idempotencyKey}`;
      if (seen.has(key)) return seen.get(key);
      await sleep(100);
      seen.set(key, before.addThreadMessage({ ...body, idempotencyKey: randomUUID() }));
      return seen.get(key);
    };
  },
  "add-keyed": () => {
    const seen = new Map();
    after("addThreadMessage", ({ thread, threadMessage }, body) => {
      if (!seen.has(body.idempotencyKey)) seen.set(body.idempotencyKey, threadMessage);
      return { thread, threadMessage: seen.get(body.idempotencyKey) };
    });
  },
  order: () => after("getThread", ({ thread, messages }) => ({ thread, messages: messages.toReversed() })),
  words: () => {
    operations.addThreadMessage = ({ threadMessage, ...body }) => {
      const data = { ...threadMessage.data };
      if (data.messageText) data.messageText = data.messageText.trim();
      return before.addThreadMessage({ ...body, threadMessage: { ...threadMessage, data } });
    };
  },
  "keys-shown": () =>
    after("getThread", ({ thread, messages }) => ({ thread, messages: messages.map(({ idempotencyKey, ...rest }) => rest) })),
  "unknown-thread": () => refusedAs("getThread", failing),
};
breaks[process.env.BREAKS]();
