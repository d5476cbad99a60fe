// The public surface. What is not named here may change without notice.
export { SnugClient } from './client.js';
export { ConfigurationError, SnugError } from './problem.js';
export { checkToken } from './tokens.js';
export type * from './types.js';
