//! snug-sim
