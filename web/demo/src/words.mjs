// The site's own words, in English and Traditional Chinese. What members write stays as it is.

const en = {
  tagline: 'Good things, one street further.',
  browse: 'Browse',
  messages: 'Messages',
  logIn: 'Log in',
  logOut: 'Log out',
  join: 'Join',
  handle: 'Member name',
  name: 'Name others see',
  password: 'Password',
  passwordRule: 'At least 10 characters.',
  sampleTitle: 'Step in as one of the neighbours.',
  samplePassword: 'They all share the password',
  withPassword: 'Or with your own name',
  as: 'Log in as {name}',
  loginIntro: 'Talk to sellers and ask your friends.',
  loginFailed: 'That name and password do not belong together.',
  handleTaken: 'That member name is taken.',
  handleRule: 'A member name is 3 to 24 small letters and digits.',
  nameRule: 'A name has 1 to 40 characters.',
  noAccount: 'New on the street?',
  hasAccount: 'Already a neighbour?',
  seller: 'Seller',
  chatWithSeller: 'Chat with seller',
  continueChat: 'Continue the chat',
  yours: 'This is your listing',
  yoursNone: 'Nobody has asked yet. Chats about it appear here.',
  yoursChats: 'Chats about it',
  askFriends: 'Ask friends',
  askIntro: 'Opens a group with the friends you choose.',
  askGo: 'Start the group',
  askNone: 'Choose at least one friend.',
  askFirst: 'What do you think of “{title}”? {price}',
  askName: 'About: {title}',
  helloTo: 'Write to {name}',
  logInToChat: 'Log in to chat',
  more: 'More from {name}',
  goodTo: 'Neighbour since the first day',
  chat: 'Chat',
  away: 'Chat is away for a moment; everything else on the street works.',
  chatFailed: 'The chat could not be opened: {reason}',
  scriptNeeded: 'Messages need JavaScript in your browser.',
  back: 'Back to the street',
  error: 'That did not work',
  formOld: 'This form is out of date. Load the page again and send it once more.',
  language: '中文',
  views: '{count} things on the street today',
};

const zh = {
  tagline: '好東西，就在下一條街。',
  browse: '逛逛',
  messages: '訊息',
  logIn: '登入',
  logOut: '登出',
  join: '加入',
  handle: '帳號',
  name: '顯示名稱',
  password: '密碼',
  passwordRule: '至少 10 個字元。',
  sampleTitle: '以一位鄰居的身分登入。',
  samplePassword: '他們共用的密碼是',
  withPassword: '或使用自己的帳號',
  as: '以{name}登入',
  loginIntro: '和賣家聊聊，也問問朋友。',
  loginFailed: '帳號與密碼不相符。',
  handleTaken: '這個帳號已經有人使用。',
  handleRule: '帳號為 3 到 24 個小寫英文字母或數字。',
  nameRule: '名稱為 1 到 40 個字。',
  noAccount: '第一次來嗎？',
  hasAccount: '已經是鄰居了？',
  seller: '賣家',
  chatWithSeller: '聯絡賣家',
  continueChat: '繼續聊',
  yours: '這是你的商品',
  yoursNone: '還沒有人詢問。相關的對話會出現在這裡。',
  yoursChats: '相關的對話',
  askFriends: '問問朋友',
  askIntro: '和選擇的朋友開一個群組。',
  askGo: '開始群組',
  askNone: '請至少選擇一位朋友。',
  askFirst: '你覺得「{title}」怎麼樣？{price}',
  askName: '關於：{title}',
  helloTo: '寫訊息給{name}',
  logInToChat: '登入後即可聊天',
  more: '{name}的其他商品',
  goodTo: '第一天就在的鄰居',
  chat: '聊天',
  away: '聊天暫時無法使用，其他功能都正常。',
  chatFailed: '無法開啟對話：{reason}',
  scriptNeeded: '訊息功能需要瀏覽器的 JavaScript。',
  back: '回到街上',
  error: '沒有成功',
  formOld: '這個表單已經過期，請重新載入頁面再送出一次。',
  language: 'English',
  views: '今天街上有 {count} 件好東西',
};

const LANGUAGES = { en, 'zh-TW': zh };

export const isLanguage = (tag) => Object.hasOwn(LANGUAGES, tag);

/** The language asked for by hand, else the member's, else the browser's. */
export function chooseLanguage({ chosen, member, accepted }) {
  for (const tag of [chosen, member?.locale]) {
    if (tag && isLanguage(tag)) return tag;
  }
  return /^\s*zh/i.test(accepted ?? '') ? 'zh-TW' : 'en';
}

export function wordsIn(language) {
  const words = LANGUAGES[language];
  return (key, values = {}) =>
    words[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''));
}

export function priceIn(language, price) {
  return new Intl.NumberFormat(language, {
    style: 'currency',
    currency: 'TWD',
    currencyDisplay: language === 'en' ? 'code' : 'symbol',
    maximumFractionDigits: 0,
  })
    .format(price)
    .replace(/^TWD\s*/, 'NT$ ')
    .replace(/^\$/, 'NT$ ');
}
