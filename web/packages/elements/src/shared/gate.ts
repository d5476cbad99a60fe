// What stands in place of the chat when there can be none: the host's set-up
// is wrong, the session has ended, or the server closed it. And the thin bar
// over it while the connection is away.
import type { Client, ConnectionState } from '@snug/client';
import { css, html, nothing, type TemplateResult } from 'lit';
import type { StringKey, Words } from '../locale/index.js';
import { icon } from './icons.js';
import { stateCard } from './states.js';

export interface GateContext {
  state: ConnectionState;
  words: Words;
  serverUrl: string;
  /** The element's own name, for the snippet of a set-up card. */
  tag: string;
  tokenFrom?: string | undefined;
  client: Client | undefined;
  /** Asks the host for a new session; reloads when it does not care. */
  renew(): void;
}

interface Remedy {
  title: StringKey;
  fix?: StringKey;
  snippet?: string;
}

function remedyOf(context: GateContext): Remedy {
  const { state, tag, serverUrl } = context;
  const page = typeof location === 'undefined' ? '' : location.origin;
  switch (state.code) {
    case 'token_missing':
      if (context.tokenFrom) {
        return {
          title: 'cfgTokenSource',
          fix: 'cfgTokenSourceFix',
          snippet: `<input type="hidden" id="snug-token" value="…">\n<${tag} token-from="#snug-token"></${tag}>`,
        };
      }
      return {
        title: 'cfgTokenMissing',
        fix: 'cfgTokenMissingFix',
        snippet: `<${tag} token-from="#snug-token"></${tag}>\n<${tag} token-url="/chat/token"></${tag}>\n<${tag} token="…"></${tag}>`,
      };
    case 'origin_refused':
      return { title: 'cfgOrigin', fix: 'cfgOriginFix', snippet: page };
    case 'server_key_in_browser':
      return {
        title: 'cfgKey',
        fix: 'cfgKeyFix',
        snippet: 'POST /v1/server/sessions\n{"user": "…", "device": "…"}',
      };
    case 'token_invalid':
      return { title: 'cfgTokenInvalid', fix: 'cfgTokenInvalidFix', snippet: serverUrl };
    case 'unreachable':
      return { title: 'cfgUnreachable', fix: 'cfgUnreachableFix', snippet: serverUrl };
    default:
      return { title: 'cfgOther' };
  }
}

function setupCard(context: GateContext): TemplateResult {
  const { state, words, client } = context;
  const remedy = remedyOf(context);
  const fix = remedy.fix ? words(remedy.fix) : state.fix;
  return html`<div class="gate">
    <section class="setup" part="setup-card" role="alert">
      <p class="setup-for">${icon('plug')}<span>${words('forDeveloper')}</span></p>
      <h2>${words(remedy.title)}</h2>
      ${fix ? html`<p>${fix}</p>` : nothing}
      ${remedy.snippet ? html`<pre dir="ltr">${remedy.snippet}</pre>` : nothing}
      ${state.detail ? html`<p class="setup-detail" dir="auto">${state.detail}</p>` : nothing}
      <div class="setup-foot">
        <button type="button" class="action" @click=${() => client?.connect()}>${words('tryAgain')}</button>
        ${state.code ? html`<code class="setup-code" dir="ltr">${state.code}</code>` : nothing}
      </div>
    </section>
  </div>`;
}

function closedCard(context: GateContext): TemplateResult {
  const { words, client } = context;
  if (context.state.code === 'session_replaced') {
    return stateCard({
      icon: 'plug',
      tone: 'quiet',
      title: words('replaced'),
      hint: words('replacedHint'),
      action: { label: words('useHere'), run: () => client?.connect(), main: true },
    });
  }
  if (context.state.code === 'user_deactivated') {
    return stateCard({
      icon: 'lock',
      tone: 'quiet',
      title: words('deactivated'),
      hint: words('deactivatedHint'),
    });
  }
  return stateCard({
    icon: 'lock',
    tone: 'quiet',
    title: words('closed'),
    hint: words('closedHint'),
    action: { label: words('reload'), run: context.renew, main: true },
  });
}

/** The card that replaces the chat, or nothing when it may be shown. */
export function gate(context: GateContext): TemplateResult | typeof nothing {
  const { state, words } = context;
  if (state.status === 'misconfigured') return setupCard(context);
  if (state.status === 'closed') return closedCard(context);
  if (state.status !== 'expired') return nothing;
  return stateCard({
    icon: 'clock',
    title: words('expired'),
    hint: words('expiredHint'),
    action: { label: words('reload'), run: context.renew, main: true },
  });
}

/** The bar lies over the content, so that nothing moves when it comes and goes. */
export function connectionBar(state: ConnectionState, words: Words): TemplateResult {
  const shown = state.status === 'offline' || state.status === 'reconnecting';
  const text = state.status === 'offline' ? words('offline') : words('reconnecting');
  return html`<div class="bar-place" role="status">${
    shown
      ? html`<div class="bar ${state.status}" part="connection-bar"><span>${text}</span></div>`
      : nothing
  }</div>`;
}

export const gateStyles = css`
  .gate {
    flex: 1;
    min-inline-size: 0;
    display: grid;
    grid-template-columns: minmax(0, 520px);
    justify-content: center;
    align-content: safe center;
    padding: 16px;
    overflow: auto;
  }
  .setup {
    padding: 20px;
    border-radius: 16px;
    background: var(--snug-surface);
    box-shadow: inset 0 0 0 1px var(--snug-line);
    animation: appear 160ms ease-out both;
  }
  .setup h2 {
    margin: 8px 0 4px;
    font-size: 18px;
    line-height: 1.3;
    font-weight: 680;
    letter-spacing: -0.01em;
  }
  .setup p {
    margin: 0;
  }
  .setup .setup-for {
    display: flex;
    align-items: center;
    gap: 8px;
    font-size: 13px;
    font-weight: 600;
    color: var(--snug-warn);
  }
  .setup pre {
    margin: 12px 0 0;
    padding: 12px;
    border-radius: 10px;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
    font:
      13px/1.6 ui-monospace,
      SFMono-Regular,
      Menlo,
      Consolas,
      'Noto Sans Mono CJK TC',
      monospace;
    color: var(--snug-text);
    background: var(--snug-bg);
  }
  .setup .setup-detail {
    margin-block-start: 12px;
    font-size: 13px;
    color: var(--snug-text-quiet);
    overflow-wrap: anywhere;
  }
  .setup-foot {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px 16px;
    margin-block-start: 16px;
  }
  .setup-code {
    font:
      12px/1.4 ui-monospace,
      SFMono-Regular,
      Menlo,
      Consolas,
      monospace;
    color: var(--snug-text-quiet);
  }
  .bar-place {
    position: relative;
    z-index: 3;
    block-size: 0;
  }
  .bar {
    position: absolute;
    inset-inline: 0;
    inset-block-start: 0;
    display: grid;
    place-items: center;
    min-block-size: 26px;
    padding: 3px 16px;
    font-size: 12.5px;
    line-height: 1.35;
    font-weight: 500;
    text-align: center;
    color: var(--snug-warn);
    background: var(--snug-warn-bg);
    animation: bar 160ms ease-out both;
  }
  /* A blip of a second is not worth a word. */
  .bar.reconnecting {
    animation-delay: 900ms;
  }
  @keyframes bar {
    from {
      opacity: 0;
      visibility: hidden;
    }
  }
  @media (forced-colors: active) {
    .setup,
    .bar {
      border: 1px solid;
    }
  }
`;
