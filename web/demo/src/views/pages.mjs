// The pages of the site, each a pure function of what its route found.

import { html } from '../html.mjs';
import { priceIn } from '../words.mjs';
import { chatAttributes, layout } from './layout.mjs';

const card = (view, listing) => html`
<li><a class="card" href="/listings/${listing.id}">
  <img src="/pictures/${listing.id}.svg" alt="" width="400" height="300" loading="lazy">
  <span class="card-title">${listing.title}</span>
  <span class="card-line"><strong>${priceIn(view.language, listing.price)}</strong><span>${listing.district}</span></span>
</a></li>`;

export function homePage(view, { listings }) {
  const { t } = view;
  const main = html`
<section class="hero"><h1>${t('tagline')}</h1><p>${t('views', { count: listings.length })}</p></section>
<ul class="grid">${listings.map((listing) => card(view, listing))}</ul>`;
  return layout(view, { main });
}

const person = (member) => html`
<a class="person" href="/members/${member.id}">
  <img src="/avatars/${member.id}.svg" alt="" width="48" height="48">
  <span><strong>${member.name}</strong><span class="quiet">${member.district}</span></span>
</a>`;

// page 4: the button of the SDK. The page makes the room by itself with the site's token; the
// script tells the site's backend the id.
const helloButton = (view, member) => html`
<snug-start class="hello" user="${member.id}" name="${member.name}" avatar="/avatars/${member.id}.svg"
  ${chatAttributes(view)}>${view.t('helloTo', { name: member.name })}</snug-start>`;

// room 1: a plain form. With script the room opens beside the listing, without it the answer
// leads to the messages tab.
const sellerButton = (view, listing, room) => html`
<form method="post" action="/listings/${listing.id}/chat" data-opens-room>
  <input type="hidden" name="form" value="${view.formToken}">
  <button class="first">${view.t(room ? 'continueChat' : 'chatWithSeller')}</button>
</form>`;

const askFriends = (view, listing, friends, once) => html`
<details class="ask">
  <summary>${view.t('askFriends')}</summary>
  <form method="post" action="/listings/${listing.id}/ask" data-opens-room>
    <p class="quiet">${view.t('askIntro')}</p>
    <input type="hidden" name="form" value="${view.formToken}">
    <input type="hidden" name="once" value="${once}">
    <ul class="friends">${friends.map(
      (friend) => html`<li><label>
        <input type="checkbox" name="friend" value="${friend.id}">
        <img src="/avatars/${friend.id}.svg" alt="" width="32" height="32"><span>${friend.name}</span>
      </label></li>`,
    )}</ul>
    <button class="second">${view.t('askGo')}</button>
  </form>
</details>`;

const sellerSide = (view, rooms, members) => html`
<section class="mine">
  <h2>${view.t('yours')}</h2>
  ${
    rooms.length === 0
      ? html`<p class="quiet">${view.t('yoursNone')}</p>`
      : html`<h3>${view.t('yoursChats')}</h3><ul>${rooms.map(
          (room) =>
            html`<li><a href="/messages?room=${encodeURIComponent(room.id)}">${room.members
              .filter((id) => id !== view.member.id)
              .map((id) => members.get(id)?.name)
              .join(', ')}</a></li>`,
        )}</ul>`
  }
</section>`;

function actions(view, found) {
  const { listing, seller, rooms, friends, members, once } = found;
  const { member, t, path } = view;
  if (!member) {
    return html`<a class="button first" href="/login?next=${encodeURIComponent(path)}">${t('logInToChat')}</a>`;
  }
  const asking = askFriends(view, listing, friends, once);
  if (seller.id === member.id) return html`${sellerSide(view, rooms, members)}${asking}`;
  const room = rooms.find((each) => each.kind === 'direct');
  return html`${sellerButton(view, listing, room)}${helloButton(view, seller)}${asking}`;
}

export function listingPage(view, found) {
  const { listing, seller, others } = found;
  const { t, language } = view;
  const main = html`
<article class="listing">
  <img class="listing-picture" src="/pictures/${listing.id}.svg" alt="" width="800" height="600">
  <div class="listing-side">
    <h1>${listing.title}</h1>
    <p class="price">${priceIn(language, listing.price)}</p>
    <p class="listing-text">${listing.text}</p>
    ${person(seller)}
    <p class="problem" role="alert" data-problem hidden></p>
    <div class="actions">${actions(view, found)}</div>
  </div>
  <section class="chat-here" data-chat-here hidden aria-label="${t('chat')}"
    data-url="${view.snugPublicUrl}" data-locale="${language}"></section>
</article>
${
  others.length > 0 &&
  html`<h2 class="more">${t('more', { name: seller.name })}</h2>
<ul class="grid">${others.map((other) => card(view, other))}</ul>`
}`;
  return layout(view, { title: listing.title, main });
}

export function memberPage(view, { member, listings }) {
  const self = view.member?.id === member.id;
  const main = html`
<section class="profile">
  <img src="/avatars/${member.id}.svg" alt="" width="96" height="96">
  <div><h1>${member.name}</h1><p class="quiet">${member.district}</p><p>${member.about}</p>
  <div class="actions">${view.member && !self && helloButton(view, member)}</div></div>
</section>
${listings.length > 0 && html`<ul class="grid">${listings.map((listing) => card(view, listing))}</ul>`}`;
  return layout(view, { title: member.name, main });
}

// page 6 and 7: the tab that shows the room list and, beside it, a room.
export function messagesPage(view, { room }) {
  const { t } = view;
  const main = html`
<h1 class="unseen">${t('messages')}</h1>
<noscript><p class="away">${t('scriptNeeded')}</p></noscript>
<snug-chat class="messages" ${room && html`room="${room}"`} ${chatAttributes(view)}></snug-chat>`;
  return layout(view, { title: t('messages'), main, full: true });
}

const field = (label, name, type, autocomplete, hint) => html`
<label class="field"><span>${label}</span>
  <input name="${name}" type="${type}" autocomplete="${autocomplete}" required>
  ${hint && html`<small>${hint}</small>`}
</label>`;

export function loginPage(view, { next, samples, samplePassword, problem }) {
  const { t } = view;
  const main = html`
<section class="entry">
  <h1>${t('logIn')}</h1>
  ${problem && html`<p class="problem" role="alert">${problem}</p>`}
  <p class="quiet">${t('sampleTitle')} ${t('samplePassword')} <code>${samplePassword}</code></p>
  <form method="post" action="/login/as" class="samples">
    <input type="hidden" name="next" value="${next}">
    ${samples.map(
      (
        member,
      ) => html`<button name="member" value="${member.id}" class="sample" aria-label="${t('as', { name: member.name })}">
        <img src="/avatars/${member.id}.svg" alt="" width="40" height="40"><span>${member.name}</span></button>`,
    )}
  </form>
  <h2>${t('withPassword')}</h2>
  <form method="post" action="/login">
    <input type="hidden" name="next" value="${next}">
    ${field(t('handle'), 'handle', 'text', 'username')}
    ${field(t('password'), 'password', 'password', 'current-password')}
    <button class="first">${t('logIn')}</button>
  </form>
  <p class="quiet">${t('noAccount')} <a href="/join?next=${encodeURIComponent(next)}">${t('join')}</a></p>
</section>`;
  return layout(view, { title: t('logIn'), main });
}

export function joinPage(view, { next, problem }) {
  const { t } = view;
  const main = html`
<section class="entry">
  <h1>${t('join')}</h1>
  <p class="quiet">${t('loginIntro')}</p>
  ${problem && html`<p class="problem" role="alert">${problem}</p>`}
  <form method="post" action="/join">
    <input type="hidden" name="next" value="${next}">
    ${field(t('handle'), 'handle', 'text', 'username', t('handleRule'))}
    ${field(t('name'), 'name', 'text', 'nickname')}
    ${field(t('password'), 'password', 'password', 'new-password', t('passwordRule'))}
    <button class="first">${t('join')}</button>
  </form>
  <p class="quiet">${t('hasAccount')} <a href="/login?next=${encodeURIComponent(next)}">${t('logIn')}</a></p>
</section>`;
  return layout(view, { title: t('join'), main });
}

export function problemPage(view, { message }) {
  const main = html`
<section class="entry">
  <h1>${view.t('error')}</h1>
  <p class="problem" role="alert">${message}</p>
  <p><a class="button second" href="/">${view.t('back')}</a></p>
</section>`;
  return layout(view, { title: view.t('error'), main });
}
