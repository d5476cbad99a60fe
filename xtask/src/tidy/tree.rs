//! The files that the rules look at, read once.

use std::path::Path;

use super::mask;

/// Folders that hold what was fetched or built.
const SKIPPED: &[&str] = &["target", "node_modules", "dist", ".git", "snug-data", "test-results"];
/// What is read as text; everything else is not ours to judge.
const TEXT: &[&str] = &[
    "rs", "ts", "tsx", "js", "mjs", "cjs", "md", "toml", "json", "yaml", "yml", "sh", "html",
    "css", "sql", "lock",
];
const TEXT_NAMES: &[&str] = &["Containerfile", "run", ".gitignore"];

/// The language of a file, as far as a rule cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Rust,
    Script,
    Other,
}

/// One file of the tree.
#[derive(Debug)]
pub(super) struct File {
    /// From the root, with `/` on every system.
    pub(super) path: String,
    pub(super) text: String,
    /// `text` with strings and comments blanked, line for line and byte for byte.
    pub(super) code: String,
    pub(super) language: Language,
}

impl File {
    /// The line, from 1, of a byte offset.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.text.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count() + 1
    }
}

/// All files under a root.
#[derive(Debug)]
pub struct Tree {
    pub(super) files: Vec<File>,
}

impl Tree {
    /// Reads the tree under `root`.
    ///
    /// # Errors
    /// When a folder cannot be listed.
    pub fn load(root: &Path) -> Result<Self, String> {
        let mut files = Vec::new();
        walk(root, root, &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    /// The text of every Rust file.
    pub fn rust_texts(&self) -> impl Iterator<Item = &str> {
        self.rust().map(|f| f.text.as_str())
    }

    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|f| f.path == path)
    }

    /// The files that we write by hand in one of the languages we count lines of.
    pub(super) fn sources(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|f| f.language != Language::Other && !is_generated(f))
    }

    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|f| f.language == Language::Rust)
    }
}

fn is_generated(file: &File) -> bool {
    file.path.contains("/generated/")
        || file.text.lines().take(3).any(|line| line.contains("@generated"))
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                walk(root, &path, files)?;
            }
        } else if kind.is_file() && is_text(&name) {
            // A file that went away between the listing and the reading is no finding.
            if let Ok(text) = std::fs::read_to_string(&path) {
                files.push(read(root, &path, text));
            }
        }
    }
    Ok(())
}

fn is_text(name: &str) -> bool {
    TEXT_NAMES.contains(&name)
        || name.rsplit_once('.').is_some_and(|(_, extension)| TEXT.contains(&extension))
}

fn read(root: &Path, path: &Path, text: String) -> File {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    let language = match path.extension().and_then(|e| e.to_str()) {
        Some("rs") => Language::Rust,
        Some("ts" | "tsx" | "js" | "mjs" | "cjs") => Language::Script,
        _ => Language::Other,
    };
    let code = match language {
        Language::Rust => mask::rust(&text),
        Language::Script => mask::script(&text),
        Language::Other => String::new(),
    };
    File { path: parts.join("/"), text, code, language }
}
