// What an integrator copies, with the application's own values in it.

/** Ready for a shell; the key is quoted so that nothing in it is read as syntax. */
export function openSession(server: string, key: string): string {
  return [
    `SNUG_KEY='${key.replaceAll("'", "'\\''")}'`,
    '',
    `curl ${server}/v1/server/sessions \\`,
    '  -H "Authorization: Bearer $SNUG_KEY" \\',
    "  -H 'Content-Type: application/json' \\",
    `  -d '{"user":"42","device":"web","profile":{"name":"Amy Chen"}}'`,
  ].join('\n');
}

export const TOKEN_URL = '/chat-token';

/** The element takes the server's address from the script's. */
export function twoLines(server: string): string {
  return [
    `<script defer src="${server}/sdk/snug.js"></script>`,
    `<snug-chat token-url="${TOKEN_URL}"></snug-chat>`,
  ].join('\n');
}
