//! The reading side of one connection.

use std::borrow::Cow;

use crate::incoming::{Compressed, Goodbye, Incoming, Kind, Message};
use crate::partial::{Frame, Partial};
use crate::utf8::is_utf8;
use crate::{Error, Header, OpCode, mask};

/// Which end of the connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Reads masked frames, writes unmasked ones.
    Server,
    /// Reads unmasked frames, writes masked ones.
    Client,
}

/// Bounds on what the other side may send. Compressed messages are bounded here as they come;
/// what they inflate to is bounded where they are inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The payload of one frame, in bytes.
    pub frame_bytes: u32,
    /// A whole message, in bytes.
    pub message_bytes: u32,
    /// Frames of one message. Parts may be empty: without this bound a message could go on for
    /// ever.
    pub fragments: u32,
}

impl Default for Limits {
    /// 1 MiB in one frame or many, in at most 1,024 frames.
    fn default() -> Self {
        Self { frame_bytes: 1 << 20, message_bytes: 1 << 20, fragments: 1_024 }
    }
}

/// The reading side of one connection. Between messages it holds no buffer and takes 24 bytes;
/// within a message it holds what has come of it and no more than twice that.
///
/// ```
/// use snug_ws::{Incoming, Limits, Reader, Role};
///
/// // One buffer serves all connections of a thread: it is free again after the loop.
/// let mut scratch = [0; 4_096];
/// let mut reader = Reader::new(Role::Server, Limits::default());
///
/// // A masked "Hello", as it might come from a socket.
/// let received = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
/// scratch[..received.len()].copy_from_slice(&received);
///
/// let mut input = &mut scratch[..received.len()];
/// let mut said = Vec::new();
/// while let Some(incoming) = reader.next(&mut input)? {
///     if let Incoming::Message(message) = incoming {
///         said.push(String::from_utf8_lossy(&message.payload).into_owned());
///     }
/// }
/// assert_eq!(said, ["Hello"]);
/// # Ok::<(), snug_ws::Error>(())
/// ```
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    role: Role,
    /// Whether messages may be compressed.
    deflate: bool,
    /// A goodbye or an error was read.
    ended: bool,
    /// Only while a frame or a message has begun and not ended.
    partial: Option<Box<Partial>>,
}

impl Reader {
    /// For a connection after its opening handshake, without compression.
    #[must_use]
    pub const fn new(role: Role, limits: Limits) -> Self {
        Self { limits, role, deflate: false, ended: false, partial: None }
    }

    /// As it was, for a connection on which permessage-deflate was agreed on.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(self) -> Self {
        Self { deflate: true, ..self }
    }

    /// Whether a goodbye or an error was read: what comes behind it is thrown away unread.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether a frame or a message has begun and not ended. A connection that goes away here
    /// was cut.
    #[must_use]
    pub const fn is_within(&self) -> bool {
        self.partial.is_some()
    }

    /// The next thing in `input`, which is left with what stands behind it. `None` means that all
    /// of `input` was taken: its memory may be used again, what is needed of an unfinished frame
    /// is kept here. Masks are taken off within `input`.
    ///
    /// However the bytes are cut into calls, the same things come out in the same order; only
    /// what is borrowed and what is owned differs.
    ///
    /// # Errors
    /// What the other side did wrong, once. After an error or a goodbye everything is thrown away
    /// and the answer is `None`.
    pub fn next<'b>(&mut self, input: &mut &'b mut [u8]) -> Result<Option<Incoming<'b>>, Error> {
        if self.ended {
            *input = &mut [];
            return Ok(None);
        }
        let found = self.advance(input);
        if matches!(found, Err(_) | Ok(Some(Incoming::Close(_)))) {
            self.ended = true;
            self.partial = None;
        }
        if self.partial.as_ref().is_some_and(|partial| partial.is_empty()) {
            self.partial = None;
        }
        found
    }

    fn advance<'b>(&mut self, input: &mut &'b mut [u8]) -> Result<Option<Incoming<'b>>, Error> {
        loop {
            let under_way = self.partial.as_mut().and_then(|partial| partial.frame.take());
            let begins = under_way.is_none();
            let mut frame = match under_way {
                Some(frame) => frame,
                None => match self.begin(input)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            let missing = usize::try_from(frame.length - frame.done).unwrap_or(usize::MAX);
            let chunk = take(input, missing);
            if let Some(key) = frame.mask {
                mask(chunk, key, frame.done as usize);
            }
            frame.done += chunk.len() as u32;
            let is_whole = frame.done == frame.length;
            let found = if frame.opcode.is_control() {
                self.control(frame, chunk, begins && is_whole)?
            } else {
                self.data(frame, chunk, begins)?
            };
            if !is_whole {
                self.partial().frame = Some(frame);
                return Ok(None);
            }
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    fn partial(&mut self) -> &mut Partial {
        self.partial.get_or_insert_default()
    }

    /// Reads the header of a frame, if all of it is there.
    fn begin(&mut self, input: &mut &mut [u8]) -> Result<Option<Frame>, Error> {
        if input.is_empty() {
            return Ok(None);
        }
        let decoded = match &mut self.partial {
            Some(partial) if partial.has_header() => partial.complete_header(input)?,
            _ => Header::decode(input)?,
        };
        let Some((header, used)) = decoded else {
            let rest = std::mem::take(input);
            self.partial().keep_header(rest);
            return Ok(None);
        };
        take(input, used);
        self.judge(header).map(Some)
    }

    /// Whether this frame may come now, here, and of this size.
    fn judge(&self, header: Header) -> Result<Frame, Error> {
        if header.compressed && !self.deflate {
            return Err(Error::ReservedBits);
        }
        match (self.role, header.mask) {
            (Role::Server, None) => return Err(Error::Unmasked),
            (Role::Client, Some(_)) => return Err(Error::Masked),
            (Role::Server, Some(_)) | (Role::Client, None) => {}
        }
        let message = self.partial.as_ref().and_then(|partial| partial.message.as_ref());
        let (bytes, frames) = match (header.opcode, message) {
            (OpCode::Continuation, None) => return Err(Error::NothingToContinue),
            (OpCode::Continuation, Some(message)) => (message.len(), message.frames()),
            (OpCode::Text | OpCode::Binary, Some(_)) => return Err(Error::MessageInterrupted),
            _ => (0, 0),
        };
        if header.opcode.is_control() {
            return Ok(Frame::new(&header, header.length as u32));
        }
        let length = u32::try_from(header.length).unwrap_or(u32::MAX);
        if header.length > u64::from(self.limits.frame_bytes) {
            return Err(Error::FrameTooLarge { length: header.length });
        }
        if bytes + u64::from(length) > u64::from(self.limits.message_bytes) {
            return Err(Error::MessageTooLarge);
        }
        if frames >= self.limits.fragments {
            return Err(Error::TooManyFragments);
        }
        Ok(Frame::new(&header, length))
    }

    /// A piece of a control frame.
    fn control<'b>(
        &mut self,
        frame: Frame,
        chunk: &'b mut [u8],
        in_one: bool,
    ) -> Result<Option<Incoming<'b>>, Error> {
        let payload = if in_one {
            Cow::Borrowed(&*chunk)
        } else {
            let kept = &mut self.partial().control;
            kept.extend_from_slice(chunk);
            if frame.done < frame.length {
                return Ok(None);
            }
            Cow::Owned(std::mem::take(kept))
        };
        Ok(Some(match frame.opcode {
            OpCode::Ping => Incoming::Ping(payload),
            OpCode::Pong => Incoming::Pong(payload),
            _ => Incoming::Close(Goodbye::read(payload)?),
        }))
    }

    /// A piece of a message.
    fn data<'b>(
        &mut self,
        frame: Frame,
        chunk: &'b mut [u8],
        begins: bool,
    ) -> Result<Option<Incoming<'b>>, Error> {
        let is_whole = frame.done == frame.length;
        let kind = match frame.opcode {
            OpCode::Text => Kind::Text,
            _ => Kind::Binary,
        };
        let is_first = begins && frame.opcode != OpCode::Continuation;
        if is_first && is_whole && frame.fin {
            if kind == Kind::Text && !frame.compressed && !is_utf8(chunk) {
                return Err(Error::InvalidUtf8);
            }
            return Ok(Some(incoming(kind, frame.compressed, Cow::Borrowed(chunk))));
        }
        let partial = self.partial();
        if is_first {
            partial.begin_message(kind, frame.compressed);
        }
        let Some(message) = &mut partial.message else { return Err(Error::NothingToContinue) };
        if begins {
            message.count_frame();
        }
        // Behind a part that is not the last, anything may follow.
        let to_come = if frame.fin { frame.length - frame.done } else { u32::MAX };
        message.append(chunk, to_come as usize)?;
        if !(is_whole && frame.fin) {
            return Ok(None);
        }
        let Some(message) = partial.message.take() else { return Ok(None) };
        let (kind, compressed, payload) = message.end()?;
        Ok(Some(incoming(kind, compressed, Cow::Owned(payload))))
    }
}

fn incoming(kind: Kind, compressed: bool, payload: Cow<'_, [u8]>) -> Incoming<'_> {
    if compressed {
        Incoming::Compressed(Compressed { kind, payload })
    } else {
        Incoming::Message(Message { kind, payload })
    }
}

/// Up to `most` bytes from the front.
fn take<'b>(input: &mut &'b mut [u8], most: usize) -> &'b mut [u8] {
    let at = most.min(input.len());
    let (front, rest) = std::mem::take(input).split_at_mut(at);
    *input = rest;
    front
}
