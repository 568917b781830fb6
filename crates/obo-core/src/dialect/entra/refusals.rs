//! The meaning of the numbers in refusals (AADSTS…), by the vendor's [list of errors][errors].
//!
//! The lists say who can fix a refusal. A user has to sign in again only for a number that this
//! fixes. Otherwise a fault of this service or a policy would cause a loop of sign-ins.
//!
//! [errors]: https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes

use http::StatusCode;

use crate::dialect::Refusal;
use crate::grant::token_endpoint::ErrorClass;

/// The server or a service that it needs has failed.
const TRANSIENT: &[u64] = &[
    50000, 50033, 50087, 50166, 70012, 90006, 90012, 90024, 90033, 90090, 90091,
];
/// Too many requests of the tenant, or of a client that does not cache.
const THROTTLED: &[u64] = &[50196, 90055];
/// The client, its credential, its registration or the request is wrong, including the audience of
/// the assertion (500131). A new sign-in changes nothing.
const OURS: &[u64] = &[
    28002, 28003, 50003, 50006, 50010, 50012, 50017, 50029, 50032, 50042, 50043, 50048, 50049,
    50050, 50059, 50107, 50120, 50124, 50128, 50146, 50161, 50169, 50170, 50194, 70001, 70002,
    70003, 70021, 90002, 90004, 90005, 90009, 90010, 90014, 90016, 90019, 90023, 90027, 90038,
    90043, 90051, 90056, 90100, 90102, 90117, 90121, 90124, 90130, 100007, 240002, 500131, 501461,
    700011, 700016, 700021, 700022, 700023, 700024, 700025, 700027, 700030, 700211, 700212, 700213,
    700222, 700229, 900144, 900382, 900384, 900432, 900561, 901002, 7000112, 7000114, 7000215,
    7000216, 7000218, 7000222, 7000229, 9001023, 9002313, 9002332,
];
/// The user, the device or this client may not have a token for the target: consent, an assignment
/// or an account is missing, the account is blocked, or a policy forbids it.
const DENIED: &[u64] = &[
    16000, 16003, 50001, 50002, 50005, 50014, 50015, 50020, 50034, 50053, 50057, 50105, 50127,
    50129, 50131, 50155, 50177, 50178, 50187, 51004, 53000, 53001, 53002, 53003, 53010, 53011,
    54000, 65001, 65002, 65004, 65005, 67003, 90008, 90072, 90084, 90093, 90094, 90095, 90099,
    90123, 221000, 500011, 500014, 500021, 500022, 500208, 500212, 500213, 530032, 530034, 530035,
    650052, 650054, 650056, 650057, 1000031, 1000104,
];
/// The user must use a second factor, register one, or pass another provider's check.
const STEP_UP: &[u64] = &[
    50072, 50074, 50076, 50078, 50079, 50097, 50158, 53004, 500121, 700020,
];
/// The session or the grant has ended: a new sign-in gives a valid token.
const SIGN_IN: &[u64] = &[
    50055, 50058, 50085, 50089, 50132, 50133, 50135, 50139, 50144, 50173, 51006, 70000, 70008,
    70043, 500133, 700082, 700084,
];
/// The assertion is invalid; only the description says why.
const ASSERTION: u64 = 50013;
/// The assertion is malformed or outside its validity. The error is `invalid_request`.
const MALFORMED: u64 = 50027;

pub(super) fn class(refusal: &Refusal<'_>) -> Option<ErrorClass> {
    let numbers = numbers(refusal);
    let is_any_of = |known: &[u64]| numbers.iter().any(|number| known.contains(number));
    match refusal.error() {
        // Credential, client, target and scope: the code is enough.
        "invalid_client" | "unauthorized_client" | "invalid_scope" => return None,
        "invalid_resource" => return Some(ErrorClass::TargetDenied),
        _ => {}
    }
    let of_numbers = |classes: &[(&[u64], ErrorClass)]| {
        let mut classes = classes.iter();
        classes
            .find(|(known, _)| is_any_of(known))
            .map(|(_, class)| *class)
    };
    let of_service = of_numbers(&[
        (TRANSIENT, ErrorClass::Transient),
        (THROTTLED, ErrorClass::Throttled),
        (OURS, ErrorClass::ClientMisconfigured),
    ]);
    if of_service.is_some() {
        return of_service;
    }
    if matches!(refusal.error(), "interaction_required" | "invalid_grant") && refusal.has_claims() {
        return Some(ErrorClass::StepUp);
    }
    if matches!(refusal.suberror(), "consent_required" | "message_only") {
        return Some(ErrorClass::TargetDenied);
    }
    let of_user = of_numbers(&[
        (DENIED, ErrorClass::TargetDenied),
        (STEP_UP, ErrorClass::StepUp),
        (SIGN_IN, ErrorClass::SubjectInvalid),
    ]);
    if of_user.is_some() {
        return of_user;
    }
    if is_any_of(&[ASSERTION, MALFORMED]) {
        return Some(of_assertion(refusal, is_any_of(&[MALFORMED])));
    }
    match (refusal.error(), refusal.suberror()) {
        ("invalid_grant", "basic_action") => Some(ErrorClass::StepUp),
        ("invalid_grant", "bad_token" | "token_expired" | "user_password_expired") => {
            Some(ErrorClass::SubjectInvalid)
        }
        // What it requires is unknown, so no user is sent to sign in.
        ("invalid_grant", _) if !numbers.is_empty() => Some(ErrorClass::TargetDenied),
        ("invalid_request", _) => Some(ErrorClass::ClientMisconfigured),
        (error, _) if refusal.status() == StatusCode::UNAUTHORIZED && !is_standard(error) => {
            Some(ErrorClass::ClientMisconfigured)
        }
        _ => None,
    }
}

/// A new token helps if only the time was wrong. This service has validated the token, so a wrong
/// signature, issuer or audience is wrong in each token that the user can get.
fn of_assertion(refusal: &Refusal<'_>, is_malformed: bool) -> ErrorClass {
    let description = refusal.description();
    let names = |words: &[&str]| words.iter().any(|word| description.contains(word));
    let is_of_time = names(&["valid time range", "expired"]);
    let is_of_another = names(&["signature", "issuer", "audience"]);
    match is_of_time || (is_malformed && !is_of_another) {
        true => ErrorClass::SubjectInvalid,
        false => ErrorClass::ClientMisconfigured,
    }
}

/// The numbers in `error_codes`, or the number at the start of the description.
fn numbers(refusal: &Refusal<'_>) -> Vec<u64> {
    if !refusal.error_codes().is_empty() {
        return refusal.error_codes().to_vec();
    }
    let rest = refusal.description().strip_prefix("AADSTS");
    let digits = rest.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    let number = digits.and_then(|digits| digits.parse().ok());
    number.into_iter().collect()
}

fn is_standard(error: &str) -> bool {
    matches!(
        error,
        "invalid_grant" | "invalid_token" | "access_denied" | "interaction_required"
    )
}
