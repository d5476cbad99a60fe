// What the street looks like on the first day. Written once, into an empty store.

import { hashPassword } from './logins.mjs';

/** The sample members share it; the log-in page says so. */
export const SAMPLE_PASSWORD = 'second-street';

const MEMBERS = [
  ['m1', 'amy', 'Amy Chen', 'en', 212, 'Da’an District', 'Moving house, so everything must go.'],
  ['m2', 'xiaoming', '王小明', 'zh-TW', 205, '大安區', '腳踏車修了二十年，只賣自己騎過的。'],
  [
    'm3',
    'jun',
    'Jun Aoki',
    'en',
    268,
    'Zhongshan District',
    'Film cameras, old radios, strong coffee.',
  ],
  ['m4', 'yating', '林雅婷', 'zh-TW', 330, '信義區', '家裡植物太多，歡迎來領養。'],
  [
    'm5',
    'ana',
    'Ana Ruiz',
    'en',
    28,
    'Songshan District',
    'Luthier by day. I answer in the evening.',
  ],
  ['m6', 'zhihao', '陳志豪', 'zh-TW', 152, '文山區', '書看完了，換人看。'],
];

const LISTINGS = [
  [
    '101',
    'm2',
    'City bike, 7 speeds',
    4200,
    'bicycle',
    28,
    'Ridden to work for two years, always kept indoors. The left brake is new. 可自取，也可約捷運站面交。',
  ],
  [
    '102',
    'm1',
    'Oak dining table',
    6800,
    'table',
    222,
    'Seats six. One ring from a hot pot that tells a good story. You will need a second pair of hands.',
  ],
  [
    '103',
    'm3',
    'Rangefinder camera',
    9500,
    'camera',
    45,
    '1972, meter works, shutter checked last spring. Comes with the leather case and one roll of film.',
  ],
  [
    '104',
    'm4',
    '龜背芋，盆器一起',
    850,
    'plant',
    196,
    '高約六十公分，今年發了五片新葉。喜歡散射光，一週澆水一次就好。',
  ],
  [
    '105',
    'm5',
    'Parlour guitar',
    12500,
    'guitar',
    212,
    'Spruce and rosewood, made by me as a student. Sounds better than it looks, and it looks fine.',
  ],
  [
    '106',
    'm6',
    '村上春樹小說九本',
    1200,
    'books',
    255,
    '書況良好，無畫線。整套出售，不拆賣。文山區面交或郵寄。',
  ],
  [
    '107',
    'm3',
    'Transistor radio',
    1600,
    'radio',
    350,
    'Receives everything it did in 1964. The dial light was replaced, the sound was not.',
  ],
  [
    '108',
    'm1',
    'Reading lamp',
    900,
    'lamp',
    48,
    'Brass joint, cloth cable, new bulb. It stays where you put it.',
  ],
  ['109', 'm4', '單人扶手椅', 3200, 'chair', 12, '布面去年重新包過，坐起來很軟。附近可以幫忙搬。'],
  ['110', 'm6', '鑄鐵水壺', 1450, 'kettle', 185, '用了三個冬天，內壁沒有生鏽。煮水很香，有點重。'],
];

export async function seed(store) {
  if (store.all('members').length > 0) return;
  for (const [id, handle, name, locale, hue, district, about] of MEMBERS) {
    const password = await hashPassword(SAMPLE_PASSWORD);
    store.put('members', {
      id,
      handle,
      name,
      locale,
      hue,
      district,
      about,
      password,
      sample: true,
    });
  }
  for (const [id, seller, title, price, picture, hue, text] of LISTINGS) {
    store.put('listings', { id, seller, title, price, picture, hue, text });
  }
}
