// Every picture of the site is drawn here: listings by kind, members by initial.

import { html } from './html.mjs';

const INK = '#2b3240';
const PAPER = '#fdfcf9';

const line = (d, width = 8, colour = INK) =>
  html`<path d="${d}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-linecap="round" stroke-linejoin="round"/>`;
const disc = (x, y, r, fill) => html`<circle cx="${x}" cy="${y}" r="${r}" fill="${fill}"/>`;
const box = (x, y, w, h, fill, r = 10) =>
  html`<rect x="${x}" y="${y}" width="${w}" height="${h}" rx="${r}" fill="${fill}"/>`;
const shape = (d, fill) => html`<path d="${d}" fill="${fill}"/>`;
const ring = (x, y, r, width = 8, colour = INK) =>
  html`<circle cx="${x}" cy="${y}" r="${r}" fill="none" stroke="${colour}" stroke-width="${width}"/>`;

const bicycle = (accent) => [
  ring(120, 200, 52),
  ring(280, 200, 52),
  disc(120, 200, 8, INK),
  disc(280, 200, 8, INK),
  line('M120 200 L165 118 L255 118 L200 200 Z M165 118 L200 200', 10, accent),
  line('M280 200 L245 92 L272 84', 9),
  line('M146 100 H184 M165 118 L160 100', 9),
];

const table = (accent) => [
  box(70, 120, 260, 26, accent, 8),
  box(96, 146, 18, 108, accent, 6),
  box(286, 146, 18, 108, accent, 6),
  box(120, 146, 160, 10, INK, 4),
  shape('M178 120 q-8 -30 0 -44 h44 q8 14 0 44 z', PAPER),
  line('M200 76 q-24 -14 -22 -38 M200 76 q20 -16 26 -40 M200 76 V34', 6, '#3f7d4e'),
];

const camera = (accent) => [
  box(84, 106, 232, 138, INK, 22),
  box(84, 136, 232, 66, accent, 0),
  box(150, 84, 76, 30, INK, 10),
  disc(200, 172, 58, PAPER),
  disc(200, 172, 46, INK),
  disc(200, 172, 28, accent),
  disc(188, 160, 9, PAPER),
  disc(288, 122, 8, PAPER),
];

const lamp = (accent) => [
  disc(236, 150, 74, '#fff3c4'),
  shape('M196 66 L284 96 L246 158 L168 118 Z', accent),
  line('M190 96 L140 158 L176 240', 10),
  disc(140, 158, 11, INK),
  box(128, 238, 100, 18, INK, 9),
];

const guitar = (accent) => [
  shape(
    'M150 150 c-46 -4 -66 34 -52 62 c-12 40 30 62 62 46 c36 10 62 -24 44 -54 c14 -26 -16 -58 -54 -54 z',
    accent,
  ),
  disc(152, 206, 22, INK),
  line('M152 206 L296 62', 14),
  line('M122 236 L284 74', 2, PAPER),
  box(286, 42, 36, 36, INK, 8),
];

const plant = (accent) => [
  shape('M150 180 h100 l-14 76 h-72 z', accent),
  shape('M200 182 c-70 -10 -84 -66 -76 -104 c46 8 76 46 76 104 z', '#3f7d4e'),
  shape('M200 182 c4 -70 44 -96 86 -92 c2 46 -28 88 -86 92 z', '#5b9c63'),
  line('M200 182 C190 140 172 112 148 98 M200 182 C214 146 238 122 264 110', 4, '#2c5b39'),
];

const chair = (accent) => [
  shape('M128 74 q72 -26 144 0 l-12 92 h-120 z', accent),
  box(120, 164, 160, 30, accent, 14),
  line('M138 194 L122 260 M262 194 L278 260 M176 194 L172 244 M224 194 L228 244', 10),
];

const radio = (accent) => [
  line('M250 104 L300 52', 6),
  box(84, 104, 232, 136, accent, 20),
  disc(148, 172, 42, PAPER),
  ring(148, 172, 28, 4),
  disc(148, 172, 10, INK),
  box(210, 132, 84, 32, PAPER, 6),
  line('M244 132 V164', 4, '#c2261d'),
  disc(228, 200, 13, INK),
  disc(276, 200, 13, INK),
];

const books = (accent) => [
  box(104, 84, 40, 168, accent, 6),
  box(148, 104, 48, 148, INK, 6),
  box(200, 92, 34, 160, PAPER, 6),
  shape('M240 116 l44 -12 l36 134 l-44 12 z', accent),
  box(112, 108, 24, 8, PAPER, 3),
  box(158, 128, 28, 8, PAPER, 3),
  box(208, 120, 18, 8, INK, 3),
  box(84, 252, 250, 10, INK, 5),
];

const kettle = (accent) => [
  shape('M132 128 q68 -50 136 0 q34 62 10 122 h-156 q-24 -60 10 -122 z', accent),
  shape('M276 158 q44 -6 52 -44 l-20 -4 q-8 24 -42 24 z', accent),
  line('M140 126 C140 52 260 52 260 126', 11),
  disc(200, 100, 11, INK),
  line('M158 164 q-12 30 -4 60', 7, PAPER),
];

const DRAWINGS = { bicycle, table, camera, lamp, guitar, plant, chair, radio, books, kettle };

export const PICTURES = Object.keys(DRAWINGS);

export function listingPicture({ picture, hue }) {
  const ground = `hsl(${hue} 46% 84%)`;
  const floor = `hsl(${hue} 40% 76%)`;
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 300" width="800" height="600">
<rect width="400" height="300" fill="${ground}"/>
<ellipse cx="200" cy="262" rx="150" ry="16" fill="${floor}"/>
${DRAWINGS[picture](`hsl(${(hue + 170) % 360} 45% 46%)`)}
</svg>`;
}

export function memberPicture({ name, hue }) {
  const initial = [...name][0]?.toUpperCase() ?? '?';
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" width="96" height="96">
<rect width="96" height="96" fill="hsl(${hue} 42% 40%)"/>
<text x="48" y="50" fill="#fff" font-family="system-ui, 'Noto Sans CJK TC', sans-serif" font-size="40" font-weight="600" text-anchor="middle" dominant-baseline="central">${initial}</text>
</svg>`;
}
