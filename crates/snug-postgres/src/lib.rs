//! snug-postgres
