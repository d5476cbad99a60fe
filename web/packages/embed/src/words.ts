// What the page says while there is no chat to show.

const WORDS = {
  en: {
    waiting: 'Waiting for the page to sign in…',
    signedOut: 'You are signed out.',
    refused: 'The chat cannot be shown here',
    noRoom: 'There is no such conversation',
  },
  zh: {
    waiting: '等待網頁登入…',
    signedOut: '您已登出。',
    refused: '此處無法顯示聊天室',
    noRoom: '沒有這個聊天室',
  },
  ja: {
    waiting: 'ページのログインを待っています…',
    signedOut: 'ログアウトしました。',
    refused: 'ここではチャットを表示できません',
    noRoom: 'このトークルームはありません',
  },
};

export type Words = (typeof WORDS)['en'];

export function wordsFor(languages: readonly string[]): Words {
  for (const language of languages) {
    const found = WORDS[language.slice(0, 2).toLowerCase() as keyof typeof WORDS];
    if (found) return found;
  }
  return WORDS.en;
}
