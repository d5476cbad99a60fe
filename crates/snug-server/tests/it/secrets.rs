//! No token, key or password of a run in its logs, metrics or errors.
