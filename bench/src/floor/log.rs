//! The floor's log: an append and one fdatasync per turn, into space reserved ahead, which is
//! the cheapest durable write there is here.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

const RESERVE_BYTES: u64 = 64 * 1_024 * 1_024;

#[derive(Debug)]
pub(super) struct Log {
    file: File,
    written: u64,
    reserved: u64,
}

impl Log {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        Ok(Self { file, written: 0, reserved: 0 })
    }

    /// Durable on return.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        if self.written > self.reserved {
            let (from, more) = (self.reserved, bytes.len() as u64 + RESERVE_BYTES);
            // A file system that cannot reserve still logs, only slower.
            if fallocate(&self.file, FallocateFlags::empty(), from, more).is_ok() {
                self.file.sync_all()?;
            }
            self.reserved += more;
        }
        self.file.write_all(bytes)?;
        self.file.sync_data()
    }
}
