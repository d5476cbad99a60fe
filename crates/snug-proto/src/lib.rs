//! snug-proto
