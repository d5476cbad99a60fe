// One state per page load: `?theme=dark&lang=zh-TW#chat`. The page's own style
// is a constructed sheet, so that it stands under the same strict policy as a
// careful host's.
import '../src/index.js';
import { FakeClient } from './fake-client.js';
import { people, scenes } from './scenes.js';

declare global {
  interface Window {
    gallery: { client: FakeClient; made: FakeClient[]; people: typeof people };
    violations: string[];
  }
}

window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
  body { margin: 0; min-height: 100vh; font-family: Inter, "Noto Sans CJK TC", "Noto Sans TC", sans-serif; background: #dfe4ec; color: #14181f; }
  body.dark { background: #05070a; color: #e9edf3; }
  main { box-sizing: border-box; padding: 24px; height: 100vh; }
  snug-chat { height: 100%; max-width: 1120px; margin: 0 auto; }
  article { max-width: 640px; margin: 0 auto; padding: 32px; border-radius: 16px; background: #fff; }
  article h1 { margin: 0; font-size: 24px; }
  article p { margin: 8px 0 20px; line-height: 1.5; }
  .dark article { background: #12161d; }
  @media (max-width: 639px) {
    main { padding: 0; height: 100dvh; }
    snug-chat { --snug-radius: 0px; }
    article { border-radius: 0; padding: 24px 20px; min-height: 100vh; box-sizing: border-box; }
  }
`);
document.adoptedStyleSheets = [sheet];

const query = new URLSearchParams(location.search);
const theme = query.get('theme') ?? 'light';
document.documentElement.lang = query.get('lang') ?? 'en';
document.body.classList.toggle('dark', theme === 'dark');

const scene = scenes[location.hash.slice(1) || 'chat'];
if (!scene) throw new Error(`no scene ${location.hash}`);
// Elements take the page's theme as an attribute, before their first picture.
new MutationObserver((changes) => {
  for (const change of changes) {
    for (const node of change.addedNodes) {
      if (node instanceof HTMLElement && node.localName.startsWith('snug-'))
        node.setAttribute('theme', theme);
    }
  }
}).observe(document.body, { childList: true, subtree: true });
window.gallery = { client: scene(), made: FakeClient.made, people };
