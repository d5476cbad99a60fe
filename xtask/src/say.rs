//! The one place that writes to the terminal.

/// A line of what goes on.
#[expect(clippy::print_stdout, reason = "a task talks to the person who typed it")]
pub fn say(line: &str) {
    println!("{line}");
}

/// A line about what went wrong.
#[expect(clippy::print_stderr, reason = "a task talks to the person who typed it")]
pub fn warn(line: &str) {
    eprintln!("{line}");
}
