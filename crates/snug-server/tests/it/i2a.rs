//! The i2a dialect through its real doors.
