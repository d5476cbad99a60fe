// The page: its own list of rooms by REST, one frame of Snug's for the room that is open. It
// signs the frame in once; a click on another room is a command, not another log-in.

const member = new URLSearchParams(location.search).get('member') ?? 'amy';
const list = document.querySelector('#rooms');
const frame = document.querySelector('#chat');
const badge = document.querySelector('#unread');
const who = document.querySelector('#who');
const logout = document.querySelector('#logout');

/** From the site's own backend, for whoever is logged in there. */
async function getToken() {
  const answer = await fetch(`/token?member=${encodeURIComponent(member)}`, { method: 'POST' });
  if (!answer.ok) throw new Error('not logged in');
  return answer.json();
}

let { snug, token } = await getToken();
const tell = (command) => frame.contentWindow.postMessage({ snug: 1, ...command }, snug);

async function showList() {
  const answer = await fetch(`${snug}/v1/rooms`, { headers: { Authorization: `Bearer ${token}` } });
  const { rooms } = await answer.json();
  list.replaceChildren(
    ...rooms.map((room) => {
      const row = document.createElement('li');
      const button = document.createElement('button');
      button.type = 'button';
      button.dataset.room = room.id;
      button.textContent = room.name ?? room.id;
      const unread = document.createElement('b');
      unread.textContent = room.mine.unread > 0 ? ` ${room.mine.unread}` : '';
      button.append(unread);
      button.addEventListener('click', () => open(room.id));
      row.append(button);
      return row;
    }),
  );
}

let wanted;
function open(room) {
  wanted = room;
  // The first room is the frame's address; it brings the token, which the frame removes at once.
  if (!frame.src) {
    frame.src = `${snug}/embed/rooms/${encodeURIComponent(room)}#token=${encodeURIComponent(token)}`;
  } else tell({ type: 'open-room', room });
}

function mark(room) {
  for (const button of list.querySelectorAll('button')) {
    button.toggleAttribute('aria-current', button.dataset.room === room);
  }
}

const HAPPENINGS = {
  // It hears commands from now on; somebody may have clicked on while it was loading.
  ready: () => tell({ type: 'open-room', room: wanted }),
  'signed-in': ({ user }) => {
    who.textContent = user.name;
    logout.hidden = false;
  },
  'room-opened': ({ room }) => mark(room),
  'unread-changed': ({ unread, rooms }) => {
    badge.textContent = unread > 0 ? `(${unread})` : '';
    for (const { room, unread } of rooms) {
      const place = list.querySelector(`[data-room="${CSS.escape(room)}"] b`);
      if (place) place.textContent = unread > 0 ? ` ${unread}` : '';
      else showList();
    }
  },
  'new-message': ({ message }) => {
    document.title = `${message.sender_name ?? message.sender ?? ''}: ${message.text ?? ''}`;
  },
  'token-needed': async () => {
    ({ snug, token } = await getToken());
    tell({ type: 'login', token });
  },
  'signed-out': ({ reason }) => {
    who.textContent = `Signed out (${reason})`;
    logout.hidden = true;
    list.replaceChildren();
  },
  error: ({ code, detail }) => {
    who.textContent = `${code}: ${detail}`;
  },
};

window.addEventListener('message', (event) => {
  // Only our frame, only Snug's origin.
  if (event.source !== frame.contentWindow || event.origin !== snug) return;
  if (event.data?.snug === 1) HAPPENINGS[event.data.type]?.(event.data);
});
logout.addEventListener('click', () => tell({ type: 'logout' }));
await showList();
