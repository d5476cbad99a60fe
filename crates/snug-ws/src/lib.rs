#![doc = include_str!("../README.md")]

mod closing;
mod code;
#[cfg(feature = "deflate")]
pub mod deflate;
mod error;
pub mod handshake;
mod header;
mod incoming;
mod mask;
mod partial;
mod reader;
mod shared;
mod utf8;
mod write;

pub use closing::Closing;
pub use code::CloseCode;
pub use error::Error;
pub use header::{CONTROL_BYTES_MAX, HEADER_BYTES_MAX, Header, HeaderBytes, OpCode};
pub use incoming::{Compressed, Goodbye, Incoming, Kind, Message};
pub use mask::mask;
pub use reader::{Limits, Reader, Role};
pub use shared::{FrameBuilder, SharedFrame};
pub use write::{ControlFrame, append_frame};
