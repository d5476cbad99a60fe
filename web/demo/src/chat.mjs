// Where the site meets Snug. Each route carries the numbers of the step it performs, so that
// the two published descriptions can be read beside it:
//
//   room    1 page asks the backend · 2 backend asks Snug · 3 backend records · 4 page is told
//   token   1 page asks the backend · 2 backend asks Snug · 3 Snug answers · 4 page is told
//           · 5 page opens the socket (the SDK's part)
//   page    1 log in · 2 site gives the page a token · 3 page uses it, the user exists
//           · 4 member picks whom to talk to · 5 page makes the room · 6 member asks for the
//           list · 7 page shows it

import { HttpError, json, redirect } from './http.mjs';
import { ChatAway, ChatRefused } from './snug.mjs';
import { priceIn } from './words.mjs';

const DEVICE_SECONDS = 2 * 60 * 60;

/** The device of everything a login opens starts with the login, so that it ends with it. */
const deviceOf = (login) => `login-${login.id}`;

export class Chat {
  #store;
  #snug;
  #publicUrl;
  #known = new Set();

  constructor({ store, snug, publicUrl }) {
    this.#store = store;
    this.#snug = snug;
    this.#publicUrl = publicUrl;
  }

  /** What Snug may know of a member: the id, a name, a picture, a language. Nothing else. */
  profile(member) {
    const { id, name, locale } = member;
    return { id, name, locale, avatar: `${this.#publicUrl}/avatars/${id}.svg` };
  }

  // page 2: the site's own token for this login, put into the page as a hidden input. It is
  // signed here without a call, so the page renders even while Snug is away; its first use
  // (page 3, by the SDK) makes the user with this name and picture.
  pageToken({ member, login }) {
    const { started, expires } = login;
    return this.#snug.signToken({
      member: this.profile(member),
      device: deviceOf(login),
      started,
      expires,
    });
  }

  // token 1: the page asks for a token; who asks is known by the site's own cookie.
  async token(context) {
    const { login, member, body } = context;
    const device = typeof body.device === 'string' ? body.device.slice(0, 64) : 'page';
    // token 2 and 3: open-session with the member's id, name and picture. The SDK names a
    // device per page, so two open pages do not replace each other's session.
    const session = await this.#snug.openSession({
      member: this.profile(member),
      device: `${deviceOf(login)}.${device}`,
      ttlSeconds: DEVICE_SECONDS,
    });
    // token 4: only the session token goes to the page, never the server key.
    return json({ token: session.token, expires_at: session.expires_at });
  }

  // room 1: "Chat with seller". The site decides that these two may talk about this listing.
  async chatWithSeller(context) {
    const { member, params } = context;
    const listing = this.#store.get('listings', params.id);
    if (!listing) throw new HttpError(404, 'There is no such listing.');
    if (listing.seller === member.id) throw new HttpError(422, context.t('yours'));
    await this.#introduce([member.id, listing.seller]);
    // room 2: the room of these two members about this listing. A second click, or two at
    // once, get the same room.
    const room = await this.#snug.directRoom({
      users: [member.id, listing.seller],
      context: listing.id,
      creator: member.id,
      custom: this.#card(listing),
    });
    // room 3: the site's own table is the truth about its rooms.
    this.#record(room, { listing: listing.id, creator: member.id, madeBy: 'backend' });
    // room 4
    return answer(context, room.id);
  }

  // The same steps for a group: the member's question goes in with the room itself.
  async askFriends(context) {
    const { member, params, body, t } = context;
    const listing = this.#store.get('listings', params.id);
    if (!listing) throw new HttpError(404, 'There is no such listing.');
    const friends = [body.friend ?? []].flat().filter((id) => this.#store.get('members', id));
    if (friends.length === 0) throw new HttpError(422, t('askNone'));
    if (!/^[0-9a-f]{16}$/.test(body.once ?? '')) throw new HttpError(422, t('formOld'));
    const members = [...new Set([member.id, ...friends])];
    await this.#introduce(members);
    const price = priceIn(context.language, listing.price);
    const room = await this.#snug.groupRoom({
      id: `ask-${listing.id}-${member.id}-${body.once}`,
      name: t('askName', { title: listing.title }),
      creator: member.id,
      members,
      custom: this.#card(listing),
      message: { sender: member.id, text: t('askFirst', { title: listing.title, price }) },
    });
    this.#record(room, { listing: listing.id, creator: member.id, madeBy: 'backend' });
    return answer(context, room.id);
  }

  // After page 5: the page made a room with its own token and tells the site its id. The site
  // believes Snug, not the page, about who is in it.
  async roomMadeByPage(context) {
    const { member, body } = context;
    if (typeof body.room !== 'string') throw new HttpError(422, "The room's id is missing.");
    const room = await this.#snug.room(body.room);
    if (!memberIds(room).includes(member.id)) throw new HttpError(403, 'You are not in that room.');
    this.#record(room, { listing: room.context, creator: member.id, madeBy: 'page' });
    return json({ room: room.id }, 201);
  }

  /** The chats about a listing in which this member is, from the site's own table. */
  roomsAbout(listing, member) {
    return this.#store
      .all('rooms')
      .filter((room) => room.listing === listing.id && room.members.includes(member.id));
  }

  // page 1, for members who joined elsewhere or never logged in: a seller needs a name and a
  // picture before the first buyer writes.
  async introduceEveryone() {
    await this.#introduce(this.#store.all('members').map((member) => member.id));
  }

  async introduceAgain(member) {
    this.#known.delete(member.id);
    await this.#introduce([member.id]);
  }

  /** Logging out of the site ends the chat of that login too. */
  async endLogin(login) {
    const device = deviceOf(login);
    const sessions = await this.#snug.sessionsOf(login.member);
    const mine = sessions.filter((s) => s.device === device || s.device.startsWith(`${device}.`));
    await Promise.all(mine.map((session) => this.#snug.revoke({ session: session.id })));
  }

  async #introduce(ids) {
    for (const id of ids.filter((each) => !this.#known.has(each))) {
      await this.#snug.putUser(this.profile(this.#store.get('members', id)));
      this.#known.add(id);
    }
  }

  #card(listing) {
    return {
      title: listing.title,
      subtitle: priceIn('en', listing.price),
      url: `${this.#publicUrl}/listings/${listing.id}`,
      image: `${this.#publicUrl}/pictures/${listing.id}.svg`,
    };
  }

  #record(room, { listing, creator, madeBy }) {
    if (this.#store.get('rooms', room.id)) return;
    this.#store.put('rooms', {
      id: room.id,
      kind: room.kind,
      listing,
      creator,
      members: memberIds(room),
      madeBy,
      made: new Date().toISOString(),
    });
  }
}

function memberIds(room) {
  return room.members.filter((each) => each.state !== 'left').map((each) => each.user);
}

function answer(context, room) {
  const address = `/messages?room=${encodeURIComponent(room)}`;
  return context.wantsJson ? json({ room }, 201) : redirect(address);
}

/** A failure of the chat in one sentence for the member. */
export function chatTrouble(error, t) {
  if (error instanceof ChatAway) return { status: 503, message: t('away') };
  if (error instanceof ChatRefused) {
    return { status: 502, message: t('chatFailed', { reason: error.message }) };
  }
  return undefined;
}
