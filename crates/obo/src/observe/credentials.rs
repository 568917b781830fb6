use std::fmt::Display;

/// The file with this service's own key has a new key, which is used from now on.
pub(crate) fn client_key_renewed(file: &dyn Display) {
    event!(INFO, file = %file, "client key renewed");
}

/// The file with this service's own key cannot be used. The old key is still used.
pub(crate) fn client_key_not_renewed(file: &dyn Display, problem: &str) {
    event!(WARN, file = %file, problem, "client key not renewed");
}

/// A read of a file with a credential takes long. Its last content is used, if there is one.
pub(crate) fn credential_late(file: &dyn Display) {
    event!(WARN, file = %file, "credential not read in time");
}
