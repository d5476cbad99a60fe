//! snug-sqlite
