use std::fmt::Display;

/// The file with this service's own key holds another one, which is used from now on.
pub(crate) fn client_key_renewed(file: &dyn Display) {
    event!(INFO, file = %file, "client key renewed");
}

/// The file with this service's own key cannot be used at present; the key of before still is.
pub(crate) fn client_key_not_renewed(file: &dyn Display, problem: &str) {
    event!(WARN, file = %file, problem, "client key not renewed");
}
