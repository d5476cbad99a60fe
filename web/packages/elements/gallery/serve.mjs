// `npm run gallery`: every state, to be looked at by hand.
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serveGallery } from './server.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { url } = await serveGallery(root, Number(process.env.PORT ?? 4477));
console.log(`${url}?theme=dark&lang=zh-TW#chat`);
