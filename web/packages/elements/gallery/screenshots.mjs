// Takes each state at 360 and 1,280 px, light and dark, English and Traditional
// Chinese, into screenshots/out, and fails on a console error, a policy
// violation, a horizontal overflow, or a text that should stand there and does
// not. `npm run screenshots -- chat failed` takes only those states.
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from '../../../tools/chromium.mjs';
import { PICTURE, serveGallery } from './server.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const out = join(root, 'screenshots', 'out');

/** State: what must be readable, in English and in Traditional Chinese. */
const STATES = {
  chat: ['See you at the station', '太好了！星期六方便嗎？'],
  rich: [
    ['Reserve it', 'Taipei 101', 'Message not available', '@Ana Ruiz'],
    ['Reserve it', 'Taipei 101', '無法顯示這則訊息', '@Ana Ruiz'],
  ],
  'rich-own': ['Reserve it', 'Reserve it'],
  'rich-rtl': ['Reserve it', 'Reserve it'],
  'user-card': [
    ['Message', 'Ana Ruiz'],
    ['傳訊息', 'Ana Ruiz'],
  ],
  suggestions: ['everyone', '所有人'],
  replying: ['Reply to', '回覆'],
  list: [
    ['Messages', 'You: thank you'],
    ['訊息', '你：thank you'],
  ],
  group: [
    ['14 members', 'Ana Ruiz added'],
    ['14 位成員', 'Ana Ruiz 加入了'],
  ],
  threads: [
    ['4 replies', '90 replies'],
    ['4 則回覆', '90 則回覆'],
  ],
  thread: [
    ['Thread', '4 replies', 'The river it is.'],
    ['討論串', '4 則回覆', 'The river it is.'],
  ],
  'thread-rtl': ['The river it is.', 'The river it is.'],
  'list-empty': ['No conversations yet', '還沒有任何對話'],
  'room-empty': ['This is the beginning', '對話的開始'],
  loading: ['', ''],
  offline: ['You are offline', '你目前離線'],
  reconnecting: ['Reconnecting', '重新連線中'],
  failed: [
    ['Not sent', 'Retry', 'Delete'],
    ['未送出', '重試', '刪除'],
  ],
  expired: [
    ['Your session has ended', 'Reload'],
    ['登入已逾時', '重新載入'],
  ],
  replaced: ['The chat was opened somewhere else', '聊天已在其他地方開啟'],
  'no-access': ['You are not in this conversation', '你不在這個對話中'],
  'load-error': ['This could not be loaded', '無法載入'],
  frozen: ['This conversation is closed', '這個對話已關閉'],
  'config-no-token': ['The chat has no token', '聊天元件沒有 token'],
  'config-origin': ['This page may not use the chat', '這個頁面不能使用聊天'],
  'config-key': ['A server key is in this page', '頁面中出現了 server key'],
  'config-token': ['does not accept this token', '伺服器不接受這個 token'],
  'config-unreachable': ['does not answer', '聊天伺服器沒有回應'],
  unread: ['New messages', '新訊息'],
  long: ['130.', '130.'],
  typing: ['is typing', '正在輸入'],
  inert: ['window.hacked', 'window.hacked'],
  launcher: ['', ''],
  'launcher?open': ['Messages', '訊息'],
  start: ['Chat with seller', '聯絡賣家'],
  'start?open': ['begins with your first message', '送出第一則訊息後'],
  badge: ['12', '12'],
  rtl: ['ممتاز', 'ممتاز'],
};

const only = process.argv.slice(2);
const names = Object.keys(STATES).filter((s) => only.length === 0 || only.includes(s));
const problems = [];

function contextFor(browser, width, theme, lang) {
  return browser.newContext({
    viewport: { width, height: width < 640 ? 740 : 800 },
    deviceScaleFactor: 1,
    colorScheme: theme,
    timezoneId: 'Asia/Taipei',
    locale: lang === 'en' ? 'en-GB' : lang,
    hasTouch: width < 640,
  });
}

async function take(context, url, name, width, theme, lang) {
  const page = await context.newPage();
  const label = `${name} ${width} ${theme} ${lang}`;
  page.on('console', (m) => {
    if (m.type() === 'error' || m.type() === 'warning') problems.push(`${label}: ${m.text()}`);
  });
  page.on('pageerror', (e) => problems.push(`${label}: ${e.message}`));
  await page.route('https://pictures.example/**', (route) =>
    route.fulfill({ contentType: 'image/svg+xml', body: PICTURE }),
  );
  await page.clock.setFixedTime('2026-11-20T02:43:00Z');
  const [hash, query = ''] = name.split('?');
  await page.goto(`${url}?theme=${theme}&lang=${lang}&${query}#${hash}`);
  const wanted = [STATES[name][lang === 'en' ? 0 : 1]].flat().filter(Boolean);
  for (const text of wanted) {
    await page
      .getByText(text)
      .locator('visible=true')
      .first()
      .waitFor({ timeout: 4000 })
      .catch(() => problems.push(`${label}: "${text}" is not visible`));
  }
  await settle(page);
  const found = await page.evaluate(measure);
  for (const element of found.outside) problems.push(`${label}: ${element} is cut at the side`);
  if (found.over > 0) problems.push(`${label}: ${found.over} px of horizontal overflow`);
  for (const violation of found.violations) problems.push(`${label}: policy: ${violation}`);
  const file = `${name.replace('?', '-')}.${width}.${theme}.${lang}.png`;
  await page.screenshot({ path: join(out, file) });
  await page.close();
}

/** In the page: what is wider than it may be, also inside the shadow trees. */
function measure() {
  const { documentElement: root } = document;
  const outside = [];
  const visit = (parent) => {
    for (const element of parent.querySelectorAll('*')) {
      if (element.shadowRoot) visit(element.shadowRoot);
      const box = element.getBoundingClientRect();
      if (box.width > 1 && (box.right > innerWidth + 1 || box.left < -1)) {
        outside.push(`${element.localName}.${element.className}`);
      }
    }
  };
  visit(document);
  return { over: root.scrollWidth - root.clientWidth, violations: window.violations, outside };
}

/** Waits for finite animations; endless ones (skeleton, dots) go on. */
async function settle(page) {
  await page.evaluate(async () => {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const roots = [document];
    for (const root of roots) {
      for (const element of root.querySelectorAll('*')) {
        if (element.shadowRoot) roots.push(element.shadowRoot);
      }
    }
    const running = roots
      .flatMap((root) => root.getAnimations())
      .filter((a) => Number.isFinite(a.effect?.getComputedTiming().endTime));
    await Promise.allSettled(running.map((a) => a.finished));
  });
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const { url, stop } = await serveGallery(root);
const browser = await launch();
let count = 0;
try {
  for (const width of [360, 1280]) {
    for (const theme of ['light', 'dark']) {
      for (const lang of ['en', 'zh-TW']) {
        const context = await contextFor(browser, width, theme, lang);
        for (const name of names) await take(context, url, name, width, theme, lang);
        count += names.length;
        await context.close();
      }
    }
  }
} finally {
  await browser.close();
  await stop();
}
for (const problem of problems) console.error(problem);
console.log(`${count} pictures in ${out}, ${problems.length} problems`);
process.exit(problems.length > 0 ? 1 : 0);
