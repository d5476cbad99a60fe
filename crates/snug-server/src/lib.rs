//! snug-server
