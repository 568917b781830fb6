use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use obo_core::fleet::{KeyRing, RingKey};
use obo_core::{ConfigError, Secret};

/// The files of a [`KeyRing`], one per key. They are read again when they change.
///
/// ```no_run
/// use obo::fleet::RingFiles;
///
/// let ring = RingFiles::new([("k2", "ring/k2"), ("k1", "ring/k1")]);
/// ```
#[derive(Clone, Debug)]
pub struct RingFiles(Arc<[(String, PathBuf)]>);

impl RingFiles {
    /// The keys by id, the sealing one first. A file has what [`RingKey::parse`] reads.
    pub fn new<I, P>(files: impl IntoIterator<Item = (I, P)>) -> Self
    where
        I: Into<String>,
        P: Into<PathBuf>,
    {
        let files = files.into_iter();
        Self(files.map(|(id, path)| (id.into(), path.into())).collect())
    }

    /// Reads the files; blocks.
    pub(super) fn read(&self) -> Result<(KeyRing, Vec<Secret>), ConfigError> {
        let texts: Result<Vec<_>, _> = self
            .0
            .iter()
            .map(|(id, path)| {
                let text = fs::read_to_string(path).map_err(|error| {
                    let problem = format!(
                        "the file {} of key {id:?} cannot be read: {error}",
                        path.display()
                    );
                    ConfigError::new("key_ring", problem)
                });
                text.map(Secret::new)
            })
            .collect();
        let texts = texts?;
        let keys = self.0.iter().zip(&texts);
        let keys: Result<Vec<_>, _> = keys
            .map(|((id, _), text)| RingKey::parse(id, text))
            .collect();
        Ok((KeyRing::new(keys?)?, texts))
    }
}

/// Where the keys of a [`Fleet`](super::Fleet) come from: a [`KeyRing`] or [`RingFiles`].
#[derive(Clone, Debug)]
pub struct RingSource(pub(super) Kind);

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Fixed(KeyRing),
    Files(RingFiles),
}

impl From<KeyRing> for RingSource {
    fn from(ring: KeyRing) -> Self {
        Self(Kind::Fixed(ring))
    }
}

impl From<RingFiles> for RingSource {
    fn from(files: RingFiles) -> Self {
        Self(Kind::Files(files))
    }
}
