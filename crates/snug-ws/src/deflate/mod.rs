//! permessage-deflate (RFC 7692) without memory between messages: what both sides agree on here
//! is always that neither keeps its window. So a compressor or an inflater serves all
//! connections of a thread, a connection holds none, and a message for many is compressed once.
//!
//! ```
//! use snug_ws::deflate::{Agreed, Deflater, Inflater};
//! use snug_ws::{Incoming, Limits, Reader, Role, SharedFrame};
//!
//! // Server: what a browser offers, and what is answered.
//! let agreed = Agreed::accept(["permessage-deflate; client_max_window_bits"])?;
//! assert_eq!(
//!     agreed.map(|agreed| agreed.answer()).as_deref(),
//!     Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
//! );
//!
//! // Server: one message, compressed once, for connections with and without compression.
//! let mut frame = SharedFrame::text(&"again and ".repeat(50));
//! frame.deflate(&mut Deflater::new(1));
//! assert!(frame.for_client(agreed).len() < 50);
//! assert_eq!(frame.for_client(None), frame.plain());
//!
//! // Client: inflated, but not to more than 1,000 bytes.
//! let mut received = frame.for_client(agreed).to_vec();
//! let mut reader = Reader::new(Role::Client, Limits::default()).with_deflate();
//! let Some(Incoming::Compressed(message)) = reader.next(&mut &mut received[..])? else {
//!     panic!("it was compressed");
//! };
//! let message = message.inflate(&mut Inflater::new(), 1_000)?;
//! assert_eq!(message.payload.len(), 500);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agreement;
mod stream;

pub use agreement::{Agreed, BadExtension, OFFER};
pub use stream::{Deflater, Inflater};
