//! Tokens at every door, and what ends a session.
