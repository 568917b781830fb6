use std::sync::Arc;

use arc_swap::ArcSwap;
use obo_core::fleet::KeyRing;
use obo_core::{ConfigError, Secret};
use parking_lot::Mutex;

use super::ring_files::{Kind, RingFiles, RingSource};
use crate::observe;

/// The current keys.
pub(super) struct Ring {
    current: ArcSwap<KeyRing>,
    files: Option<Files>,
}

struct Files {
    files: RingFiles,
    read: Mutex<Read>,
}

/// What was read last.
struct Read {
    texts: Vec<Secret>,
    /// Why the files were not usable, so that it is reported once.
    problem: Option<String>,
}

impl Ring {
    /// Reads the keys; blocks if they are files.
    pub(super) fn of(RingSource(source): RingSource) -> Result<Self, ConfigError> {
        let (ring, files) = match source {
            Kind::Fixed(ring) => (ring, None),
            Kind::Files(files) => {
                let (ring, texts) = files.read()?;
                let read = Mutex::new(Read {
                    texts,
                    problem: None,
                });
                (ring, Some(Files { files, read }))
            }
        };
        Ok(Self {
            current: ArcSwap::from_pointee(ring),
            files,
        })
    }

    pub(super) fn current(&self) -> Arc<KeyRing> {
        self.current.load_full()
    }

    /// Whether the keys can change.
    pub(super) fn is_of_files(&self) -> bool {
        self.files.is_some()
    }

    /// Reads the files again; blocks. While they are not usable, the previous keys stay. Returns
    /// whether there are other keys now.
    pub(super) fn read_again(&self) -> bool {
        let Some(Files { files, read }) = &self.files else {
            return false;
        };
        let found = files.read();
        let mut read = read.lock();
        match found {
            Ok((_, texts)) if texts == read.texts => read.problem = None,
            Ok((ring, texts)) => {
                observe::ring_renewed(ring.ids());
                self.current.store(Arc::new(ring));
                *read = Read {
                    texts,
                    problem: None,
                };
                return true;
            }
            Err(error) => {
                let problem = error.to_string();
                if read.problem.as_ref() != Some(&problem) {
                    observe::ring_not_renewed(&problem);
                }
                read.problem = Some(problem);
            }
        }
        false
    }
}
