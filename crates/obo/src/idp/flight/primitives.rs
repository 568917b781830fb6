pub(super) use std::sync::{Mutex, MutexGuard};

pub(super) use tokio::spawn;
