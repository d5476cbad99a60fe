// What a client does after a close. The ranges carry the rule, so a code that
// this version does not know is still handled.
import { CLOSE_CODES, type CloseCode } from './codes.js';

export type ReconnectRule = 'reconnect' | 'new_token' | 'stay_away';

/** 41xx asks for a new token, 42xx forbids; everything else is the network. */
export function reconnectRule(closeCode: number): ReconnectRule {
  if (closeCode >= 4100 && closeCode <= 4199) return 'new_token';
  if (closeCode >= 4200 && closeCode <= 4299) return 'stay_away';
  return 'reconnect';
}

/** The documented name of a close code, or `close_<code>` for an unknown one. */
export function closeName(closeCode: number): string {
  return CLOSE_CODES[closeCode as CloseCode] ?? `close_${closeCode}`;
}
