// The default transport. The only file that names WebSocket; it looks for it
// when a connection is opened, so that importing the client needs no browser.
import type { Transport } from './types.js';

export const webSocketTransport: Transport = {
  open({ url, token }, events) {
    // The token travels as a subprotocol: a browser can set no header, and a
    // query would end up in logs. The server selects `snug.v1`.
    const socket = new WebSocket(url, ['snug.v1', `snug.token.${token}`]);
    let over = false;
    socket.onmessage = ({ data }) => {
      if (!over && typeof data === 'string') events.received(data);
    };
    socket.onclose = ({ code, reason }) => {
      if (over) return;
      over = true;
      events.closed(code, reason);
    };
    return {
      send: (text) => socket.send(text),
      close(code = 1000, reason = '') {
        // A half-open socket fires `close` only after minutes: silence it now.
        over = true;
        socket.close(code, reason);
      },
    };
  },
};
