//! snug-bench
