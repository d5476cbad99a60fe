//! The panel's calls: sign-up, log-in, applications and their keys.
