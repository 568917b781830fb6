use std::sync::Once;

use tracing::Dispatch;
use tracing::dispatcher::DefaultGuard;

static NOBODY: Once = Once::new();

/// Tells this thread's spans and events to `subscriber`.
///
/// While there is one subscriber in all, whether an event is wanted is decided for the whole process by the thread that
/// comes by first, and other tests' threads want none; so there is always a second one, which wants all and keeps nothing.
pub(crate) fn listen(subscriber: impl Into<Dispatch>) -> DefaultGuard {
    NOBODY.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
    });
    tracing::dispatcher::set_default(&subscriber.into())
}
