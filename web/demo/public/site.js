// What the pages do by themselves. Everything of the chat is in Snug's elements; this only
// opens a room beside a listing, tells the site of rooms the page made, and says when the chat
// is away.

const away = document.querySelector('[data-chat-away]');
const problem = document.querySelector('[data-problem]');
const place = document.querySelector('[data-chat-here]');
const launcher = document.querySelector('snug-launcher');

function say(sentence) {
  if (!problem) return;
  problem.textContent = sentence;
  problem.hidden = false;
}

// The SDK's script comes before this one: when it has not defined its elements by now, it could
// not be loaded. It is asked for again, and when it comes the elements wake up where they stand.
const sdk = document.querySelector('script[data-sdk]');
const AGAIN_MS = 1000;
let turn = 0;

function loadAgain() {
  turn += 1;
  const script = document.createElement('script');
  script.src = `${sdk.src}?again=${turn}`;
  script.addEventListener('load', chatIsHere);
  script.addEventListener('error', () => setTimeout(loadAgain, AGAIN_MS));
  document.head.append(script);
}

// The page said that the chat is away when it was made; that ends with the first connection.
async function chatIsHere() {
  const badge = document.querySelector('snug-badge');
  await badge.updateComplete;
  const { connection } = badge.activeClient;
  const read = () => {
    if (connection.getSnapshot().status === 'online') away.hidden = true;
  };
  connection.subscribe(read);
  read();
}

if (sdk && customElements.get('snug-badge')) {
  chatIsHere();
} else if (sdk) {
  away.hidden = false;
  setTimeout(loadAgain, AGAIN_MS);
}

// The messages tab keeps the open room in its address, so that a reload comes back to it.
document.querySelector('snug-chat.messages')?.addEventListener('snug-room-open', (event) => {
  const { room } = event.detail;
  const address = room ? `/messages?room=${encodeURIComponent(room)}` : '/messages';
  history.replaceState(null, '', address);
});

// room 4: the backend's answer holds the room's id, and the room opens beside the listing.
function openHere(room) {
  place.querySelector('snug-room')?.remove();
  const element = document.createElement('snug-room');
  element.setAttribute('room', room);
  element.setAttribute('url', place.dataset.url);
  element.setAttribute('locale', place.dataset.locale);
  element.setAttribute('token-from', '#chat-token');
  element.setAttribute('closable', '');
  place.append(element);
  place.hidden = false;
  if (launcher) launcher.hidden = true;
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  place.scrollIntoView({
    block: innerWidth < 900 ? 'start' : 'nearest',
    behavior: still ? 'auto' : 'smooth',
  });
}

async function post(address, fields) {
  const answer = await fetch(address, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: JSON.stringify(fields),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  return body;
}

// room 1
for (const form of document.querySelectorAll('form[data-opens-room]')) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const data = new FormData(form);
    const fields = Object.fromEntries(data);
    if (data.has('friend')) fields.friend = data.getAll('friend');
    const button = form.querySelector('button');
    button.disabled = true;
    if (problem) problem.hidden = true;
    try {
      const { room } = await post(form.action, fields);
      openHere(room);
      form.closest('details')?.removeAttribute('open');
    } catch (error) {
      say(error.message);
    } finally {
      button.disabled = false;
    }
  });
}

place?.addEventListener('snug-close', () => {
  place.querySelector('snug-room')?.remove();
  place.hidden = true;
  if (launcher) launcher.hidden = false;
});

// page 5: the SDK made a room with the page's own token, at its first message; the site records
// its id. The conversation may stand in the button's own panel or in the launcher's.
document.addEventListener('snug-room-created', (event) => {
  post('/rooms', { room: event.detail.room }).catch((error) => say(error.message));
});
