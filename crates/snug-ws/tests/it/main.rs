//! The codec from outside: against another implementation, cut anywhere, by the cases of the
//! Autobahn suite, and through the example's sockets.

mod cases;
mod cuts;
mod deflate;
#[path = "../../examples/echo.rs"]
#[expect(dead_code, reason = "its main function is for the shell")]
mod echo;
mod example;
mod memory;
mod oracle;
mod speed;
mod support;
