// Derived from docs/protocol.md by `npm run gen`. Do not edit.

export const ERROR_CODES = {
  malformed_json: { status: 400, retryable: false },
  invalid_field: { status: 422, retryable: false },
  missing_field: { status: 422, retryable: false },
  unknown_operation: { status: 404, retryable: false },
  token_missing: { status: 401, retryable: false },
  token_invalid: { status: 401, retryable: false },
  token_expired: { status: 401, retryable: false },
  session_closed: { status: 401, retryable: false },
  server_key_invalid: { status: 401, retryable: false },
  server_key_in_browser: { status: 403, retryable: false },
  origin_refused: { status: 403, retryable: false },
  user_deactivated: { status: 403, retryable: false },
  backend_only: { status: 403, retryable: false },
  not_a_member: { status: 403, retryable: false },
  role_too_low: { status: 403, retryable: false },
  room_frozen: { status: 403, retryable: false },
  room_not_found: { status: 404, retryable: false },
  user_not_found: { status: 404, retryable: false },
  message_not_found: { status: 404, retryable: false },
  session_not_found: { status: 404, retryable: false },
  app_not_found: { status: 404, retryable: false },
  room_exists: { status: 409, retryable: false },
  message_id_conflict: { status: 409, retryable: false },
  too_large: { status: 413, retryable: false },
  rate_limited: { status: 429, retryable: true },
  overloaded: { status: 503, retryable: true },
  store_unavailable: { status: 503, retryable: true },
  internal: { status: 500, retryable: true },
} as const;
export type ErrorCode = keyof typeof ERROR_CODES;

export const CLOSE_CODES = {
  4000: 'going_away',
  4001: 'slow_reader',
  4002: 'liveness',
  4003: 'overloaded',
  4100: 'token_expired',
  4101: 'auth_timeout',
  4200: 'session_closed',
  4201: 'session_revoked',
  4202: 'session_replaced',
  4203: 'user_deactivated',
  4204: 'token_invalid',
  4205: 'origin_refused',
  4206: 'protocol_error',
  4207: 'frame_too_large',
  4208: 'flooding',
} as const;
export type CloseCode = keyof typeof CLOSE_CODES;
export type CloseName = (typeof CLOSE_CODES)[CloseCode];
