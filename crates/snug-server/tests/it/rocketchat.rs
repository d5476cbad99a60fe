//! The rocketchat dialect through its real doors.
