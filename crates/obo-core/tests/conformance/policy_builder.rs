use std::time::Duration;

use obo_core::{ConfigError, MAX_LEEWAY, Policy, PolicyBuilder};

use crate::validate::builder;

fn error(builder: PolicyBuilder) -> ConfigError {
    builder.build().unwrap_err()
}

#[test]
fn policy_mistakes_name_their_field() {
    let late = MAX_LEEWAY + Duration::from_nanos(1);
    for (builder, field) in [
        (Policy::builder("idp").audience("service-a"), "issuer"),
        (Policy::builder("https://idp.example"), "audience"),
        (builder().audience(""), "audience"),
        (builder().algorithms([]), "algorithms"),
        (builder().leeway(late), "leeway"),
        (builder().max_token_age(Duration::ZERO), "max_token_age"),
    ] {
        assert_eq!(error(builder).field(), field);
    }
}

#[test]
fn first_policy_mistake_is_kept() {
    let late = MAX_LEEWAY + Duration::from_nanos(1);
    let first = builder().leeway(late).algorithms([]).audience("");
    assert_eq!(error(first).field(), "leeway");
    let corrected = builder().algorithms([]).leeway(Duration::ZERO);
    assert_eq!(error(corrected).field(), "algorithms");
}

#[test]
fn unset_builder_makes_default_policy() {
    let built = builder().build().unwrap();
    assert_eq!(
        format!("{built:?}"),
        format!("{:?}", crate::validate::strict())
    );
}
