export * from './codes.js';
export type * from './objects.js';
export type * from './operations.js';
export * from './reconnect.js';
