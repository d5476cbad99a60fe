//! Standard output and error: the one place that writes to them.

use std::io::{self, Write};

/// A line for whoever reads our output, at once.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// What is going on, for a person; never part of the result.
pub(crate) fn note(text: &str) {
    // Nobody may be reading; that is no reason to stop.
    drop(writeln!(io::stderr().lock(), "{text}"));
}
