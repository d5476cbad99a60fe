//! The native socket.
