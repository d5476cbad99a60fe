// The frame of every page: head, tab bar with the badge, launcher, and the page's chat token.

import { html } from '../html.mjs';

const ICONS = {
  browse: 'M4 11 12 4l8 7v8a1 1 0 0 1-1 1h-4v-6H9v6H5a1 1 0 0 1-1-1z',
  messages: 'M5 5h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-7l-5 4v-4H5a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2z',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm-7 8c0-3.5 3-5.5 7-5.5s7 2 7 5.5',
  out: 'M14 5H6a1 1 0 0 0-1 1v12a1 1 0 0 0 1 1h8M11 12h9m-3-4 4 4-4 4',
};

export const icon = (name) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;

/**
 * The attributes every Snug element of the page shares. All of them name the same server and
 * the same source of the token, so the page keeps one connection however many there are.
 */
export function chatAttributes({ snugPublicUrl, language, tokenFrom }) {
  const source =
    tokenFrom === 'page' ? html`token-from="#chat-token"` : html`token-url="/chat-token"`;
  return html`url="${snugPublicUrl}" ${source} locale="${language}"`;
}

// page 2: the token waits in a hidden input; the SDK reads it once and empties it.
const pageToken = (view) =>
  view.tokenFrom === 'page' &&
  html`<input type="hidden" id="chat-token" value="${view.pageToken}" autocomplete="off">`;

const tab = ({ path }, href, name, label, badge) => html`
<a class="tab" href="${href}" ${path === href && html`aria-current="page"`}>
  <span class="tab-icon">${icon(name)}${badge}</span><span class="tab-label">${label}</span>
</a>`;

function tabs(view) {
  const { member, t, formToken } = view;
  if (!member) {
    return html`${tab(view, '/', 'browse', t('browse'))}${tab(view, '/login', 'person', t('logIn'))}`;
  }
  return html`
${tab(view, '/', 'browse', t('browse'))}
${tab(view, '/messages', 'messages', t('messages'), html`<snug-badge class="tab-badge" ${chatAttributes(view)}></snug-badge>`)}
<details class="account">
  <summary aria-label="${member.name}"><img src="/avatars/${member.id}.svg" alt="" width="32" height="32"></summary>
  <div class="account-menu">
    <a href="/members/${member.id}"><strong>${member.name}</strong></a>
    <form method="post" action="/logout">
      <input type="hidden" name="form" value="${formToken}">
      <button class="plain">${icon('out')}${t('logOut')}</button>
    </form>
  </div>
</details>`;
}

export function layout(view, { title, main, full = false }) {
  const { t, member, language, snugPublicUrl, assets, chatUp } = view;
  const other = language === 'en' ? 'zh-TW' : 'en';
  return html`<!doctype html>
<html lang="${language === 'en' ? 'en' : 'zh-Hant-TW'}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
<title>${title ? `${title} · Second Street` : 'Second Street'}</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/site.css?v=${assets['site.css'].version}">
${member && html`<script defer data-sdk src="${snugPublicUrl}/sdk/snug.js"></script>`}
<script type="module" src="/site.js?v=${assets['site.js'].version}"></script>
</head>
<body class="${full ? 'full' : ''}">
<header class="bar">
  <a class="brand" href="/"><img src="/icon.svg" alt="" width="32" height="32"><span>Second Street</span></a>
  <nav class="tabs">
    <a class="tab tab-language" href="/language/${other}" hreflang="${other}" lang="${other}">${t('language')}</a>
    ${tabs(view)}
  </nav>
</header>
<p class="away" role="status" data-chat-away ${chatUp !== false && html`hidden`}>${t('away')}</p>
${pageToken(view)}
<main>${main}</main>
${member && !full && html`<snug-launcher ${chatAttributes(view)}></snug-launcher>`}
</body>
</html>`;
}
