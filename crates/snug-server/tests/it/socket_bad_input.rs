//! Bad input at the socket, while a pair keeps chatting.
