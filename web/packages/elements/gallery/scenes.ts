// Every state of the elements, by name. Each scene puts its elements into the
// page and answers its client.
import type { ConnectionState, MessageView, User } from '@snug/client';
import type { SnugStart } from '../src/start/start.js';
import { FakeClient, type FakeRoom, freshId, memberOf, roomOf } from './fake-client.js';

const MINUTE = 60_000;
const DAY = 86_400_000;

export const people = {
  wang: { id: 'u-wang', name: '王小明' },
  jun: { id: 'u-jun', name: 'Jun Aoki' },
  ana: { id: 'u-ana', name: 'Ana Ruiz' },
  omar: { id: 'u-omar', name: 'محمد' },
  support: { id: 'u-support', name: 'Support · Ticket 4821' },
} satisfies Record<string, User>;
const me: User = { id: 'me', name: 'Lin' };

interface Said {
  by?: User;
  text?: string;
  ago: number;
  more?: Partial<MessageView>;
}

let nextSeq = 0;
function say({ by, text, ago, more = {} }: Said): MessageView {
  nextSeq += 1;
  return {
    id: freshId(),
    seq: nextSeq,
    own: !by,
    sender: by ?? me,
    kind: 'text',
    ...(text === undefined ? {} : { text }),
    createdAt: Date.now() - ago * MINUTE,
    status: 'sent',
    readByOthers: false,
    ...more,
  };
}

const CARD = {
  title: 'City bike, 7 speeds',
  subtitle: 'NT$ 4,200 · Da’an District',
  image: '/picture.svg',
  url: '/listing/42',
};

function dialogue(): MessageView[] {
  nextSeq = 0;
  const { wang } = people;
  const read = { readByOthers: true };
  return [
    say({ by: wang, text: '您好，腳踏車還在嗎？', ago: 13 }),
    say({ by: wang, text: '我住大安區，可以自取。', ago: 12 }),
    say({
      text: 'Yes, it is! Everything works, see https://example.com/bike-42.',
      ago: 9,
      more: read,
    }),
    say({ text: 'The left brake is new.', ago: 9, more: read }),
    say({ by: wang, text: '太好了！星期六方便嗎？', ago: 2 }),
    say({ by: wang, text: '好，那我們約星期六下午兩點', ago: 1 }),
    say({ text: 'See you at the station 👋', ago: 0.5 }),
  ];
}

function longTalk(count: number): MessageView[] {
  nextSeq = 0;
  const lines = [
    'Is it still there?',
    'Yes, come by whenever you like. I am home after six most days of the week.',
    '好的，謝謝！',
    'Could you also tell me how old the chain is, and whether the lights run off the hub?',
    'Two years; the lights are on the hub.',
  ];
  return Array.from({ length: count }, (_, at) =>
    say({
      ...(at % 3 === 1 ? {} : { by: people.wang }),
      text: `${at + 1}. ${lines[at % lines.length]}`,
      ago: (count - at) * 4,
      more: at % 3 === 1 ? { readByOthers: true } : {},
    }),
  );
}

function pair(peer: User) {
  return {
    members: new Map([me, peer].map((user) => [user.id, memberOf(user)])),
    users: new Map([me, peer].map((user) => [user.id, user])),
  };
}

function preview(text: string, by: User | undefined, ago: number) {
  return {
    seq: 1,
    kind: 'text' as const,
    text,
    sender: by?.id ?? 'me',
    ...(by?.name ? { senderName: by.name } : {}),
    own: !by,
    created_at: new Date(Date.now() - ago * MINUTE).toISOString(),
  };
}

/** Six conversations, as people have them. */
function populated(): { client: FakeClient; room: FakeRoom } {
  const client = new FakeClient();
  const now = Date.now();
  const { wang, jun, ana, omar, support } = people;
  const room = client.addRoom(
    {
      id: 'bike',
      title: '王小明',
      peer: wang,
      activityAt: now - MINUTE,
      preview: preview('好，那我們約星期六下午兩點', wang, 1),
      room: roomOf('bike', { custom: CARD, context: 'listing-42' }),
    },
    { messages: dialogue(), ...pair(wang) },
  );
  client.addRoom(
    {
      id: 'jun',
      title: 'Jun Aoki',
      peer: jun,
      activityAt: now - 11 * MINUTE,
      typing: ['Jun Aoki'],
    },
    { messages: [], ...pair(jun) },
  );
  const group = client.addRoom(
    {
      id: 'group',
      kind: 'group',
      title: 'Neighbourhood bikes',
      activityAt: now - 44 * MINUTE,
      unread: 12,
      mentions: 1,
      preview: preview('Who has a pump?', ana, 44),
      room: roomOf('group', { kind: 'group', member_count: 14 }),
    },
    { messages: groupTalk() },
  );
  group.patch({ users: new Map([wang, jun, ana, me].map((u) => [u.id, u])) });
  client.addRoom({
    id: 'support',
    title: support.name,
    peer: support,
    activityAt: now - DAY,
    preview: preview('thank you, it works again', undefined, 1440),
  });
  client.addRoom(
    {
      id: 'omar',
      title: omar.name,
      peer: omar,
      activityAt: now - 3 * DAY,
      preview: preview('هل ما زالت الدراجة متوفرة؟', omar, 3 * 1440),
    },
    { messages: arabicTalk(), ...pair(omar) },
  );
  client.addRoom({
    id: 'table',
    title: 'Listing: oak table',
    peer: { id: 'u-oak', name: 'Oak' },
    activityAt: now - 40 * DAY,
    preview: preview('see you then', undefined, 40 * 1440),
  });
  return { client, room };
}

function groupTalk(): MessageView[] {
  nextSeq = 0;
  const { wang, jun, ana } = people;
  const system = (type: string, users?: string[]) => ({
    kind: 'system' as const,
    system: users ? { type, users } : { type },
  });
  return [
    say({ by: ana, ago: 3000, more: system('room_created') }),
    say({ by: ana, ago: 2999, more: system('members_added', [wang.id, jun.id]) }),
    say({ by: ana, text: 'Morning ride on Sunday, who is in?', ago: 60 }),
    say({ by: ana, text: '🚲☀️', ago: 59 }),
    say({ by: jun, text: 'Me! Meeting point as always?', ago: 52 }),
    say({ by: wang, text: '我也要去，可以帶一個朋友嗎？', ago: 50 }),
    say({ text: 'Of course.', ago: 48, more: { readByOthers: true } }),
    say({ by: jun, ago: 47, more: { kind: 'custom', custom: { poll: 1 } } }),
    say({ by: ana, text: 'Who has a pump?', ago: 44 }),
  ];
}

/** Two threads in the group: one of others with news, and a long one. */
function threaded(room: FakeRoom): void {
  const { wang, jun, ana } = people;
  const messages = room.getSnapshot().messages;
  const [ride, pump] = [messages[2]!, messages.at(-1)!];
  nextSeq = 20;
  const thread = room.thread(ride.id);
  thread.fill([
    say({ by: jun, text: 'From the station, or from the river?', ago: 40 }),
    say({ by: wang, text: '河邊比較好，車站人太多了。', ago: 38 }),
    say({ text: 'The river it is.', ago: 36 }),
    say({ by: ana, text: 'I bring coffee ☕', ago: 4 }),
  ]);
  room.threadNews.set(ride.id, true);
  const long = room.thread(pump.id);
  const replies = Array.from({ length: 90 }, (_, at) =>
    say({
      ...(at % 4 === 3 ? {} : { by: at % 2 ? jun : wang }),
      text: `${at + 1}. ${at % 3 ? 'I do, a small one.' : 'Does it fit a road valve? Mine leaks after a while, so I would rather not.'}`,
      ago: 90 - at,
    }),
  );
  long.older = replies.splice(0, 50);
  long.patch({ hasBefore: true });
  long.fill(replies);
}

function arabicTalk(): MessageView[] {
  nextSeq = 0;
  const { omar } = people;
  return [
    say({ by: omar, text: 'مرحباً، هل ما زالت الدراجة متوفرة؟', ago: 30 }),
    say({ by: omar, text: 'أسكن قريباً ويمكنني الحضور اليوم.', ago: 29 }),
    say({ text: 'نعم، متوفرة. الفرامل اليسرى جديدة.', ago: 20, more: { readByOthers: true } }),
    say({
      text: 'Here is the page: https://example.com/42',
      ago: 19,
      more: { readByOthers: true },
    }),
    say({ by: omar, text: 'ممتاز، أراك الساعة السادسة 👍', ago: 3 }),
  ];
}

/** Edited, reacted to, unsent and hidden messages. */
function changedTalk(): MessageView[] {
  const by = (key: string, users: string[]) => {
    return { key, count: users.length, users, own: users.includes('me') };
  };
  const more: Partial<MessageView>[] = [
    { reactions: [by('👍', ['me', 'u-wang']), by('❤️', ['u-wang'])] },
    { editedAt: Date.now() },
    { reactions: [by('🙏', ['u-wang']), by('a word that is rather long', ['me'])] },
    { deleted: true },
    { hidden: true },
    { deleted: true },
    { editedAt: Date.now(), reactions: [by('😂', ['u-wang'])] },
  ];
  return dialogue().map((message, at) => {
    const { text, ...rest } = { ...message, ...more[at] };
    return rest.deleted || rest.hidden || text === undefined ? rest : { ...rest, text };
  });
}

/** Mentions, answers, a card and a place, from others and from oneself. */
function richTalk(): MessageView[] {
  nextSeq = 0;
  const { wang, jun, ana } = people;
  const ride = say({ by: ana, text: 'Morning ride on Sunday? @everyone bring a light.', ago: 60 });
  ride.mentions = { everyone: true };
  const who = say({ by: jun, text: '@王小明 and @Ana Ruiz: yes! @Lin, are you in?', ago: 52 });
  who.mentions = { users: [wang.id, ana.id, 'me'] };
  const answers = (to: MessageView | null) => ({
    replyTo: { id: to?.id ?? 'm0', message: to },
  });
  const place = {
    lat: 25.0339639,
    lng: 121.5644722,
    name: 'Taipei 101',
    address: '台北市信義區信義路五段7號',
  };
  const card = {
    title: 'Front light, 40 lux',
    text: 'New in the box, with its holder.\nNT$ 350',
    image: { url: 'https://pictures.example/light.svg', alt: 'A light' },
    url: 'https://example.com/listing/7',
    actions: [
      { id: 'reserve', label: 'Reserve it' },
      { id: 'more', label: 'All lights', url: 'https://example.com/lights' },
    ],
  };
  return [
    ride,
    who,
    say({
      text: 'I am, @Jun Aoki.',
      ago: 50,
      more: { ...answers(who), mentions: { users: [jun.id] } },
    }),
    say({ by: wang, text: '好，我也去！', ago: 49, more: answers(ride) }),
    say({ by: wang, text: '看這個', ago: 48, more: answers(null) }),
    say({ by: wang, ago: 47, more: { kind: 'card', card, text: card.title } }),
    say({ by: ana, ago: 44, more: { kind: 'location', location: place, text: place.name } }),
    say({ text: 'See you there', ago: 40, more: { readByOthers: true } }),
  ];
}

/** The group with it, and whoever is in it. */
function rich(messages = richTalk) {
  return ({ client }: { client: FakeClient }) => {
    const all = [me, ...Object.values(people)];
    client.room('group').patch({
      messages: messages(),
      members: new Map(all.map((user) => [user.id, memberOf(user)])),
      users: new Map(all.map((user) => [user.id, user])),
    });
  };
}

/** Runs on the room's element once it is drawn and stands at its end. */
function then(act: (root: ShadowRoot) => void) {
  void customElements.whenDefined('snug-chat').then(async () => {
    const chat = document.querySelector('snug-chat');
    await chat?.updateComplete;
    const room = chat?.shadowRoot?.querySelector('snug-room');
    await room?.updateComplete;
    const root = room?.shadowRoot;
    if (root) setTimeout(() => act(root), 100);
  });
}

function mount(tag: string, client: FakeClient | undefined, props: Record<string, unknown> = {}) {
  const element = document.createElement(tag);
  Object.assign(element, client ? { client } : {}, props);
  document.querySelector('main')?.append(element);
  return element;
}

function chatWith(change: (made: { client: FakeClient; room: FakeRoom }) => void, room = 'bike') {
  return (): FakeClient => {
    const made = populated();
    change(made);
    mount('snug-chat', made.client, room ? { room } : {});
    return made.client;
  };
}

function state(connection: ConnectionState, room = 'bike') {
  return chatWith(({ client }) => client.connection.set(connection), room);
}

/** A host's own page under the floating elements. */
function hostPage(): void {
  const article = document.createElement('article');
  const heading = document.createElement('h1');
  heading.textContent = 'City bike, 7 speeds';
  const text = document.createElement('p');
  text.textContent = 'NT$ 4,200 · Da’an District. Light frame, new left brake, lights on the hub.';
  article.append(heading, text);
  document.querySelector('main')?.append(article);
}

export const scenes: Record<string, () => FakeClient> = {
  chat: chatWith(() => {}),
  changed: chatWith(({ room }) => room.patch({ messages: changedTalk() })),
  rich: chatWith(rich(), 'group'),
  'rich-own': chatWith(
    rich(() =>
      richTalk().map((message) => ({ ...message, own: true, sender: me, readByOthers: true })),
    ),
    'group',
  ),
  'rich-rtl': () => {
    document.documentElement.dir = 'rtl';
    return chatWith(rich(), 'group')();
  },
  'user-card': () => {
    const client = chatWith(rich(), 'group')();
    then((root) => [...root.querySelectorAll<HTMLElement>('button.sender')].at(-1)?.click());
    return client;
  },
  suggestions: () => {
    const client = chatWith(rich(), 'group')();
    then((root) => {
      const composer = root.querySelector('snug-composer');
      void composer?.updateComplete.then(() => {
        const field = composer.shadowRoot?.querySelector('textarea');
        if (!field) return;
        field.focus();
        field.value = 'Hello @';
        field.dispatchEvent(new InputEvent('input', { bubbles: true }));
      });
    });
    return client;
  },
  replying: () => {
    const client = chatWith(rich(), 'group')();
    then((root) => {
      [...root.querySelectorAll<HTMLElement>('.row.other .more')].at(-1)?.click();
      setTimeout(() => root.querySelector<HTMLElement>('.menu > [role=menuitem]')?.click(), 50);
    });
    return client;
  },
  list: chatWith(({ client }) => {
    const rooms = client.rooms.getSnapshot().rooms;
    client.list(rooms.map((r) => (r.id === 'bike' ? { ...r, unread: 2 } : r)));
  }, ''),
  group: chatWith(() => {}, 'group'),
  threads: chatWith(({ client }) => threaded(client.room('group')), 'group'),
  thread: () => {
    const client = chatWith(({ client }) => threaded(client.room('group')), 'group')();
    then((root) => root.querySelector<HTMLElement>('button.thread')?.click());
    return client;
  },
  'thread-rtl': () => {
    document.documentElement.dir = 'rtl';
    return scenes.thread!();
  },
  'list-invited': chatWith(({ client }) => {
    for (const [id, title] of [
      ['ride', 'Sunday ride'],
      ['club', 'Chess club'],
    ] as const) {
      const invitation = { by: 'u-jun', at: new Date().toISOString() };
      client.addRoom({ id, title, kind: 'group', invitation });
    }
  }, ''),
  'list-empty': chatWith(({ client }) => client.list([]), ''),
  'room-empty': chatWith(({ room }) => room.patch({ messages: [] })),
  loading: chatWith(({ client, room }) => {
    client.connection.set({ status: 'connecting' });
    client.rooms.patch({ status: 'loading', rooms: [] });
    const { room: _room, ...rest } = room.getSnapshot();
    room.set({ ...rest, status: 'loading', messages: [], title: '' });
  }),
  offline: state({ status: 'offline' }),
  reconnecting: state({ status: 'reconnecting', code: 'liveness' }),
  failed: chatWith(({ room }) => {
    const messages = room.getSnapshot().messages.slice(0, -1);
    const late = (text: string, status: 'failed' | 'pending'): MessageView => {
      const { seq: _seq, ...rest } = say({ text, ago: 0.2 });
      return { ...rest, status };
    };
    const failed = late('See you at the station', 'failed');
    failed.problem = { code: 'rate_limited', detail: '', retryable: true };
    room.patch({
      messages: [...messages, failed, late('I will bring the lock as well.', 'pending')],
    });
  }),
  expired: state({ status: 'expired', code: 'token_expired' }),
  replaced: state({ status: 'closed', code: 'session_replaced' }),
  'no-access': chatWith(({ room }) => {
    room.set({ ...room.getSnapshot(), status: 'no_access', messages: [] });
  }),
  'load-error': chatWith(({ room }) => {
    const problem = {
      code: 'store_unavailable',
      detail: 'The store did not answer.',
      retryable: true,
    };
    room.set({ ...room.getSnapshot(), status: 'error', messages: [], problem });
  }),
  frozen: chatWith(({ room }) => {
    const { room: shown } = room.getSnapshot();
    if (shown) room.patch({ room: { ...shown, frozen: true } });
  }),
  'config-no-token': state({ status: 'misconfigured', code: 'token_missing' }),
  'config-origin': state({
    status: 'misconfigured',
    code: 'origin_refused',
    detail: 'The application "market" allows https://market.example only.',
  }),
  'config-key': state({ status: 'misconfigured', code: 'server_key_in_browser' }),
  'config-token': state({
    status: 'misconfigured',
    code: 'token_invalid',
    detail: 'Bad signature.',
  }),
  'config-unreachable': state({ status: 'misconfigured', code: 'unreachable' }),
  unread: chatWith(({ room }) => {
    const messages = longTalk(40);
    room.older = [];
    room.patch({ messages, unreadLineSeq: 33, unread: 5 });
  }),
  long: chatWith(({ room }) => {
    const messages = longTalk(130);
    room.older = messages.splice(0, 90);
    room.patch({ messages, hasBefore: true });
  }),
  // The newest page holds replies only, which are not among the room's messages.
  replies: chatWith(({ room }) => {
    room.older = longTalk(40);
    room.patch({ messages: [], hasBefore: true });
  }),
  typing: chatWith(({ room }) => room.patch({ typing: [people.wang] })),
  inert: chatWith(({ room }) => {
    nextSeq = 0;
    const { wang } = people;
    const lines = [
      '<img src=x onerror="window.hacked=1"><script>window.hacked=2</script>',
      'javascript:alert(1) and data:text/html,x and (https://example.com/a_(b)).',
      '看這裡：https://example.com/路徑，謝謝。',
      '👍',
      '🎉🎊🥳',
      'a'.repeat(200),
    ];
    room.patch({ messages: lines.map((text, at) => say({ by: wang, text, ago: 10 - at })) });
  }),
  launcher: () => {
    const { client, room } = populated();
    room.patch({ unread: 2 });
    client.list(
      client.rooms.getSnapshot().rooms.map((r) => (r.id === 'bike' ? { ...r, unread: 2 } : r)),
    );
    hostPage();
    mount('snug-launcher', client, { open: location.search.includes('open') });
    return client;
  },
  start: () => {
    const client = new FakeClient();
    hostPage();
    const element = mount('snug-start', client, {
      user: 'u-mei',
      context: 'listing-42',
      name: 'Mei Chen',
      custom: JSON.stringify(CARD),
    });
    document.querySelector('article')?.append(element);
    if (location.search.includes('open')) {
      void customElements.whenDefined('snug-start').then(async () => {
        await (element as SnugStart).updateComplete;
        element.shadowRoot?.querySelector('button')?.click();
      });
    }
    return client;
  },
  badge: () => {
    const { client } = populated();
    hostPage();
    document.querySelector('article')?.append(mount('snug-badge', client));
    return client;
  },
  rtl: chatWith(() => {
    document.documentElement.dir = 'rtl';
  }, 'omar'),
  composer: () => {
    const { client } = populated();
    mount('snug-composer', client, { room: 'bike' });
    return client;
  },
  blank: () => new FakeClient(),
};
