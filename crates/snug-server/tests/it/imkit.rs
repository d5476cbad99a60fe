//! The imkit dialect through its real doors.
