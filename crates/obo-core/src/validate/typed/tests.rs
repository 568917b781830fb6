use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::*;
use crate::validate::claims::Claims;

const JSON: &str = r#"{
    "iss": "https://idp.example", "exp": 1800000300, "tenant": "corp", "level": 3,
    "ratio": 0.5, "admin": true, "nothing": null, "tags": ["a", "b"], "kind": "User",
    "n\u0061me": "alic\u0065", "address": {"city": "Zürich", "zip": [8, 0]}, "type": "person"
}"#;

/// Asserts that the type reads the same as with `serde_json`, and returns it.
fn read<C: DeserializeOwned + Debug>(json: &str) -> Option<C> {
    let claims = Claims::parse(json.into()).unwrap();
    let ours = super::read::<C>(&claims.payload).ok();
    let theirs = serde_json::from_str::<C>(json).ok();
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    ours
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "shown by `Debug` alone")]
struct Wide {
    tenant: String,
    #[serde(alias = "rank")]
    level: u8,
    ratio: f32,
    admin: bool,
    nothing: Option<u8>,
    absent: Option<u8>,
    #[serde(default)]
    defaulted: u8,
    tags: Vec<String>,
    kind: Kind,
    #[serde(rename = "name")]
    renamed: Box<str>,
    address: Address,
    #[serde(rename = "type")]
    any: Json,
}

#[derive(Debug, Deserialize)]
enum Kind {
    User,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "shown by `Debug` alone")]
struct Address {
    city: String,
    zip: (u8, u8),
}

#[test]
fn struct_matches_serde_json() {
    let wide = read::<Wide>(JSON).unwrap();
    assert_eq!((&*wide.renamed, wide.level), ("alice", 3));
    assert!(read::<Wide>(&JSON.replace("level", "rank")).is_some());
    for wrong in [r#""level": "3""#, r#""tenant": null"#, r#""level": 300"#] {
        let name = wrong.split(':').next().unwrap();
        let json = JSON.replace(name, r#""other""#);
        assert!(read::<Wide>(&json).is_none(), "without {name}");
        let json = json.replacen('{', &format!("{{{wrong},"), 1);
        assert!(read::<Wide>(&json).is_none(), "{wrong}");
    }
    assert!(read::<Address>(JSON).is_none(), "unknown fields");
    assert!(read::<Address>(r#"{"zip":[1,2],"city":"x"}"#).is_some());
}

#[derive(Debug, Deserialize)]
struct Flat {
    tenant: String,
    #[serde(flatten)]
    others: HashMap<String, Json>,
}

#[derive(Debug, Deserialize)]
struct Wrapped(Wide);

#[derive(Debug, Deserialize)]
struct Listed(BTreeMap<String, Json>);

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Tagged {
    Person { level: u8 },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Either {
    #[expect(dead_code, reason = "never read")]
    No {
        missing: u8,
    },
    Yes {
        tenant: String,
    },
}

#[test]
fn other_types_match_serde_json() {
    let claims = Claims::parse(JSON.into()).unwrap();
    let ours = super::read::<Flat>(&claims.payload).unwrap();
    let theirs: Flat = serde_json::from_str(JSON).unwrap();
    assert_eq!((ours.tenant, ours.others), (theirs.tenant, theirs.others));
    assert_eq!(read::<Wrapped>(JSON).unwrap().0.tenant, "corp");
    assert_eq!(read::<Listed>(JSON).unwrap().0.len(), 12);
    assert!(read::<Json>(JSON).is_some() && read::<Box<RawValue>>(JSON).is_some());
    assert!(read::<Option<Wide>>(JSON).unwrap().is_some());
    let Some(Tagged::Person { level: 3 }) = read(JSON) else {
        panic!("by its tag");
    };
    let Some(Either::Yes { tenant }) = read(JSON) else {
        panic!("the one that fits");
    };
    assert_eq!(tenant, "corp");
    assert!(read::<()>(JSON).is_none() && read::<String>(JSON).is_none());
    assert!(read::<(u8,)>(JSON).is_none() && read::<Kind>(JSON).is_none());
}

#[test]
fn number_is_read_to_its_end() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "shown by `Debug` alone")]
    struct Limits<N> {
        limit: N,
        other: Option<N>,
    }
    for number in ["1", "1.9", "1e30", "-2.5", "-3", "1E0", "\"1\""] {
        for json in [
            format!(r#"{{"limit":{number}}}"#),
            format!(r#"{{"limit":1,"other":{number}}}"#),
        ] {
            read::<Limits<u128>>(&json);
            read::<Limits<i128>>(&json);
            read::<Limits<i64>>(&json);
        }
    }
}
