//! A folder that is removed when its owner is dropped.

use std::fs::DirBuilder;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A private folder under the system's temporary folder, removed on drop.
#[derive(Debug)]
pub struct TempDir {
    path: PathBuf,
}

impl TempDir {
    /// Where the folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of `name` inside the folder; nothing is created.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // A folder somebody already removed is as gone as we want it; a test must not fail here.
        drop(std::fs::remove_dir_all(&self.path));
    }
}

/// A new empty folder, readable by its owner only.
///
/// # Panics
/// When the system's temporary folder cannot be written.
#[must_use]
pub fn temp_dir() -> TempDir {
    temp_dir_in(&std::env::temp_dir())
}

/// The same in a folder that is there.
pub(crate) fn temp_dir_in(root: &Path) -> TempDir {
    loop {
        let name = format!("snug-{}-{:012x}", std::process::id(), random() >> 16);
        let path = root.join(name);
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return TempDir { path },
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => panic!("cannot make the folder {}: {e}", path.display()),
        }
    }
}

/// 64 bits that differ between processes and between calls: enough to keep names apart.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use super::temp_dir;

    #[test]
    fn a_folder_is_new_and_goes_away() {
        let (a, b) = (temp_dir(), temp_dir());
        assert_ne!(a.path(), b.path());
        std::fs::write(a.join("x"), "y").unwrap();
        let path = a.path().to_owned();
        drop(a);
        assert!(!path.exists());
        assert!(b.path().is_dir());
    }
}
