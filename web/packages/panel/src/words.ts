// The panel's words in English and Traditional Chinese.

const en = {
  panel: 'Panel',
  language: '中文',
  logOut: 'Log out',
  email: 'E-mail',
  password: 'Password',
  passwordRule: 'At least 10 characters.',
  setupCode: 'Set-up code',
  setupCodeHint: 'The server printed it when it first started.',
  signUpTitle: 'Set up this server',
  signUpIntro: 'The first account owns it and everything on it.',
  signUp: 'Create account',
  signUpClosedTitle: 'Sign-up is closed',
  signUpClosed: 'This server has its owner. Ask them to invite you, or log in.',
  logInTitle: 'Log in',
  logInIntro: 'Applications, keys and origins of this server.',
  logIn: 'Log in',
  firstHere: 'First one here?',
  apps: 'Applications',
  newApp: 'New application',
  noApps: 'No application yet. One application is one product with its own users and rooms.',
  users: 'users',
  rooms: 'rooms',
  open: 'Open',
  backendOnly: 'Backend only',
  development: 'Development',
  created: 'Created {date}',
  serverKey: 'Server key',
  serverKeys: 'Server keys',
  serverKeyHint: 'For your backend alone. Whoever has it can act for every user.',
  keyCurrent: 'current',
  keyUntil: 'until {date}',
  showKey: 'Show key',
  rotateKey: 'New key',
  settings: 'Settings',
  deliveries: 'Webhook deliveries',
  apply: 'Apply',
  tokens: 'Tokens of your users',
  tokensIntro:
    'Only for pages that come in with a token of your own. Leave empty what you do not use.',
  verifyUrl: 'Verify URL',
  verifyUrlHint: 'Asked whose your site’s own token is: POST {"token"}, answered {"id", "name"}.',
  jwksUrl: 'JWKS URL',
  jwksUrlHint: 'Where your login server publishes its public keys.',
  publicKeys: 'Public keys',
  publicKeysHint: 'PEM or JWK, an empty line between two. For JWTs by RS256, ES256 or EdDSA.',
  guests: 'Take guests',
  guestsHint: 'Pages of the allowed origins may let in people whom nobody knows.',
  dialects: 'Clients of other systems',
  dialectsIntro:
    'Clients of these systems work here under another address. Opening one switches it on and shows what they sign in with.',
  dialectTitle: '{dialect} for {name}',
  dialectOpen: 'Switch on and show',
  i2aHint:
    'Your backend sends this secret as X-Application-Secret. Switching it on leaves the rooms to your backend.',
  imkitHint: 'The client key stands in pages; the API key belongs to your backend alone.',
  rocketchatHint:
    'Makes an administrator, or gives one a new password and another token; your backend makes users and their tokens with it.',
  username: 'Username',
  newSecret: 'A new secret',
  newSecretHint: 'The one that is there is refused at once.',
  shownOnce: 'Keep both now: they are not shown again.',
  back: 'Applications',
  name: 'Name',
  nameHint: 'Your product, as operators know it.',
  policy: 'What pages may do',
  policyOpen: 'Members manage their rooms',
  policyOpenHint: 'Pages create rooms, add and remove members, by role.',
  policyBackend: 'Only your backend manages rooms',
  policyBackendHint: 'Pages read and write messages; rooms and members come from your backend.',
  developmentHint: 'Also lets pages on localhost connect. Switch it off before launch.',
  origins: 'Allowed origins',
  originsHint: 'Pages on these may connect, for example https://shop.example. One per line.',
  originBad:
    '“{origin}” is not an origin. Write the scheme and host only, like https://shop.example.',
  noOrigins: 'None yet: only pages on localhost can connect.',
  noOriginsAtAll: 'None yet: no page can connect.',
  create: 'Create application',
  cancel: 'Cancel',
  save: 'Save',
  saved: 'Saved',
  close: 'Close',
  copy: 'Copy',
  copied: 'Copied',
  keyOnceTitle: '{name} is ready',
  keyOnce:
    'This is its server key. Put it into your backend’s secrets now; here it stays hidden behind your password.',
  toApp: 'Go to the application',
  revealTitle: 'Show the key of {name}',
  revealIntro: 'Your password again, please. That the key was shown is written to the audit log.',
  reveal: 'Show',
  rotateTitle: 'A new key for {name}',
  rotateIntro: 'The new key works at once. How long shall the old one go on working?',
  graceNow: 'Stop it now',
  graceNowHint: 'When it may have leaked. Requests with it fail from this moment.',
  graceDay: '24 hours',
  graceDayHint: 'Time to put the new one into your backend without a break.',
  rotate: 'Make the new key',
  rotated: 'Copy the new key now. The old one {old}.',
  rotatedNow: 'has stopped working',
  rotatedDay: 'stops working in 24 hours',
  keyShown: 'Close this window when you have copied it.',
  quickStart: 'Quick start',
  quickOne: 'Your backend opens a session for its user and gets a token.',
  quickTwo:
    'Your page takes two lines. {tokenUrl} is an address of your backend that answers the token.',
  quickKeyMissing: 'paste the server key',
  loading: 'Loading…',
  notFound: 'There is no such application.',
  required: 'This is needed.',
  emailBad: 'This does not look like an e-mail address.',
  tryAgain: 'Try again',
  loggedOut: 'Your login has ended. Log in again.',
  version: 'Snug {version}',
  error_login_failed: 'That e-mail and password do not belong together.',
  error_password_wrong: 'That is not your password.',
  error_rate_limited: 'Too many attempts. Try again in {seconds} s.',
  error_signup_closed: 'Sign-up is closed on this server.',
  error_unreachable: 'The server does not answer. Check that it is running.',
};

export type Words = { [K in keyof typeof en]: string };

const zh: Words = {
  panel: '管理面板',
  language: 'English',
  logOut: '登出',
  email: '電子郵件',
  password: '密碼',
  passwordRule: '至少 10 個字元。',
  setupCode: '設定碼',
  setupCodeHint: '伺服器第一次啟動時會印出來。',
  signUpTitle: '設定這台伺服器',
  signUpIntro: '第一個帳號擁有這台伺服器和上面的一切。',
  signUp: '建立帳號',
  signUpClosedTitle: '目前不開放註冊',
  signUpClosed: '這台伺服器已有擁有者。請對方邀請你，或直接登入。',
  logInTitle: '登入',
  logInIntro: '管理這台伺服器的應用程式、金鑰與來源。',
  logIn: '登入',
  firstHere: '第一次使用？',
  apps: '應用程式',
  newApp: '新增應用程式',
  noApps: '還沒有應用程式。一個應用程式就是一個產品，有自己的使用者和聊天室。',
  users: '位使用者',
  rooms: '間聊天室',
  open: '開放',
  backendOnly: '僅後端',
  development: '開發中',
  created: '建立於 {date}',
  serverKey: '伺服器金鑰',
  serverKeys: '伺服器金鑰',
  serverKeyHint: '只能放在你的後端。拿到它的人可以代表任何使用者。',
  keyCurrent: '使用中',
  keyUntil: '有效至 {date}',
  showKey: '顯示金鑰',
  rotateKey: '更換金鑰',
  settings: '設定',
  deliveries: 'Webhook 傳送紀錄',
  apply: '套用',
  tokens: '使用者的權杖',
  tokensIntro: '只有頁面帶著你們自己的權杖進來時才需要。不用的留空。',
  verifyUrl: '驗證網址',
  verifyUrlHint: '用來詢問你網站自己的權杖屬於誰：POST {"token"}，回答 {"id", "name"}。',
  jwksUrl: 'JWKS 網址',
  jwksUrlHint: '你的登入伺服器公布公鑰的地方。',
  publicKeys: '公鑰',
  publicKeysHint: 'PEM 或 JWK，兩把之間空一行。用於 RS256、ES256 或 EdDSA 的 JWT。',
  guests: '開放訪客',
  guestsHint: '允許的來源網頁可以讓沒有帳號的人進來。',
  dialects: '其他系統的用戶端',
  dialectsIntro:
    '這些系統的用戶端換個網址就能在這裡使用。打開其中一個，就會啟用並顯示它登入所需的內容。',
  dialectTitle: '{name} 的 {dialect}',
  dialectOpen: '啟用並顯示',
  i2aHint: '後端以 X-Application-Secret 傳送這個密鑰。啟用後，聊天室只由後端管理。',
  imkitHint: 'Client Key 放在網頁裡；API Key 只屬於後端。',
  rocketchatHint: '建立一位管理員，或給他新的密碼與另一個權杖；後端用它建立使用者和他們的權杖。',
  username: '使用者名稱',
  newSecret: '換新的密鑰',
  newSecretHint: '舊的密鑰會立刻失效。',
  shownOnce: '請立刻保存，之後不會再顯示。',
  back: '應用程式',
  name: '名稱',
  nameHint: '你的產品名稱，只有管理者看得到。',
  policy: '網頁可以做什麼',
  policyOpen: '成員自己管理聊天室',
  policyOpenHint: '網頁可依角色建立聊天室、加入和移除成員。',
  policyBackend: '只有後端管理聊天室',
  policyBackendHint: '網頁只收發訊息；聊天室和成員由你的後端決定。',
  developmentHint: '也允許 localhost 的網頁連線。上線前請關閉。',
  origins: '允許的來源',
  originsHint: '這些來源的網頁可以連線，例如 https://shop.example。一行一個。',
  originBad: '「{origin}」不是來源。只要寫通訊協定和主機，例如 https://shop.example。',
  noOrigins: '還沒有：只有 localhost 的網頁可以連線。',
  noOriginsAtAll: '還沒有：任何網頁都不能連線。',
  create: '建立應用程式',
  cancel: '取消',
  save: '儲存',
  saved: '已儲存',
  close: '關閉',
  copy: '複製',
  copied: '已複製',
  keyOnceTitle: '{name}已就緒',
  keyOnce: '這是它的伺服器金鑰。請現在放進後端的機密設定；之後在這裡要輸入密碼才會顯示。',
  toApp: '前往應用程式',
  revealTitle: '顯示{name}的金鑰',
  revealIntro: '請再輸入一次密碼。顯示金鑰會記錄在稽核紀錄中。',
  reveal: '顯示',
  rotateTitle: '更換{name}的金鑰',
  rotateIntro: '新金鑰立即生效。舊金鑰還要能用多久？',
  graceNow: '立刻停用',
  graceNowHint: '可能已外洩時選這個。從現在起舊金鑰的請求都會失敗。',
  graceDay: '24 小時',
  graceDayHint: '有時間把新金鑰放進後端，服務不中斷。',
  rotate: '產生新金鑰',
  rotated: '請現在複製新金鑰。舊金鑰{old}。',
  rotatedNow: '已停用',
  rotatedDay: '將在 24 小時後停用',
  keyShown: '複製之後請關閉這個視窗。',
  quickStart: '快速開始',
  quickOne: '你的後端為使用者開啟工作階段，取得權杖。',
  quickTwo: '你的網頁只要兩行。{tokenUrl} 是你的後端回傳權杖的網址。',
  quickKeyMissing: '貼上伺服器金鑰',
  loading: '載入中…',
  notFound: '沒有這個應用程式。',
  required: '這一欄必填。',
  emailBad: '這不像電子郵件地址。',
  tryAgain: '再試一次',
  loggedOut: '登入已結束，請重新登入。',
  version: 'Snug {version}',
  error_login_failed: '電子郵件與密碼不相符。',
  error_password_wrong: '密碼不正確。',
  error_rate_limited: '嘗試次數太多，請在 {seconds} 秒後再試。',
  error_signup_closed: '這台伺服器目前不開放註冊。',
  error_unreachable: '伺服器沒有回應，請確認它正在執行。',
};

export type Language = 'en' | 'zh-Hant';

const LANGUAGES: Record<Language, Words> = { en, 'zh-Hant': zh };
const KEPT = 'snug-panel-language';

let language: Language = kept() ?? (/^zh/i.test(navigator.language) ? 'zh-Hant' : 'en');

function kept(): Language | undefined {
  try {
    const value = localStorage.getItem(KEPT);
    return value === 'en' || value === 'zh-Hant' ? value : undefined;
  } catch {
    return undefined;
  }
}

export const currentLanguage = (): Language => language;

export function switchLanguage(): void {
  language = language === 'en' ? 'zh-Hant' : 'en';
  try {
    localStorage.setItem(KEPT, language);
  } catch {
    // Storage is switched off: the choice lasts as long as the page.
  }
}

export function t(key: keyof Words, values: Record<string, string | number> = {}): string {
  return LANGUAGES[language][key].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''));
}

/** Words for a code the panel knows, else what the server said. */
export function refusalWords(code: string, detail: string, seconds: number): string {
  const key = `error_${code}`;
  return key in en ? t(key as keyof Words, { seconds }) : detail;
}

export function day(time: string): string {
  return new Date(time).toLocaleDateString(language, { dateStyle: 'medium' });
}

export function moment(time: string): string {
  return new Date(time).toLocaleString(language, { dateStyle: 'medium', timeStyle: 'short' });
}

export const count = (number: number): string => number.toLocaleString(language);
