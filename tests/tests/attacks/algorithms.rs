//! Algorithm confusion (RFC 8725 §2.1, §3.1, §3.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::case::Case;
use crate::forge::signed_segments;
use crate::signer::{Signer, base64url, der, mac};
use crate::target::Target;

pub(crate) fn cases(of: &Target<'_>) -> Vec<Case> {
    let families = [none, public_key_as_secret, spelt, crossed, own];
    families.iter().flat_map(|family| family(of)).collect()
}

fn none(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for alg in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        " none",
        "null",
        "n\u{f6}ne",
        "\u{ff4e}one",
    ] {
        for kid in [r#""k-es""#, r#""k-rsa""#, ""] {
            let (header, claims) = of.segments(alg, kid);
            let message = format!("{header}.{claims}");
            cases.push(Case::invalid(
                format!("{alg:?} as {kid:?}, unsigned"),
                format!("{message}."),
            ));
            cases.push(Case::invalid(
                format!("{alg:?} as {kid:?}, signed"),
                signed_segments(&of.at.keys.es, "ES256", &header, &claims),
            ));
        }
    }
    let unsigned = of.at.good();
    let unsigned = unsigned.rsplit_once('.').unwrap().0;
    cases.push(Case::invalid("ES256, unsigned", format!("{unsigned}.")));
    cases
}

/// Every form in which a server may hold a public key, used as the secret of a MAC.
fn public_key_as_secret(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for key in of.at.keys.all() {
        let kid = format!("{:?}", key.kid);
        for (alg, kid, forms) in [
            ("HS256", &*kid, usize::MAX),
            ("HS256", "", usize::MAX),
            ("HS384", &kid, 2),
            ("HS512", &kid, 2),
        ] {
            let (header, claims) = of.segments(alg, kid);
            let message = format!("{header}.{claims}");
            for (form, secret) in secrets(key).into_iter().take(forms) {
                let signature = base64url(mac(alg, &secret, &message));
                let name = format!("{alg} by the {form} of {} as {kid:?}", key.kid);
                cases.push(Case::invalid(name, format!("{message}.{signature}")));
            }
        }
    }
    cases
}

fn secrets(key: &Signer) -> Vec<(&'static str, Vec<u8>)> {
    let pem = key.public_pem();
    let jwk = key.jwk();
    let main = if key.alg == "RS256" { "n" } else { "x" };
    let number = jwk[main].as_str().unwrap();
    let bytes = base64_bytes(number);
    let point = match jwk["y"].as_str() {
        Some(y) => [&[4], &bytes[..], &base64_bytes(y)].concat(),
        None => bytes.clone(),
    };
    let one_line = pem.replace('\n', "");
    vec![
        ("PEM", pem.clone().into()),
        ("PEM without the last line break", pem.trim_end().into()),
        ("PEM with CRLF", pem.replace('\n', "\r\n").into()),
        ("PEM after a space", format!(" {pem}").into()),
        ("PEM after a line break", format!("\n{pem}").into()),
        ("PEM in one line", one_line.into()),
        ("DER", der(&pem)),
        ("JWK", jwk.to_string().into()),
        ("JWK, pretty", format!("{jwk:#}").into()),
        ("text of its number", number.into()),
        ("bytes of its number", bytes),
        ("point", point),
        ("name", key.kid.into()),
        ("nothing", Vec::new()),
    ]
}

fn base64_bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// The algorithm's name in other spellings and types, with a valid signature.
fn spelt(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for alg in [
        "1",
        "256",
        "true",
        "null",
        "{}",
        "[]",
        r#"["ES256"]"#,
        r#"["none","ES256"]"#,
        r#"{"alg":"ES256"}"#,
        r#""""#,
        r#""es256""#,
        r#""Es256""#,
        r#""ES256 ""#,
        r#"" ES256""#,
        r#""ES-256""#,
        r#""ES256\u0000""#,
        r#""ES256\n""#,
        r#""\u0415S256""#,
        r#""\uff25S256""#,
        r#""ES256,ES384""#,
        r#""ES256;""#,
        r#""SHA256withECDSA""#,
        r#""urn:ietf:params:oauth:alg:ES256""#,
        r#""http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256""#,
        r#""ES256K""#,
        r#""ES512""#,
        r#""ESP256""#,
        r#""ES256-R""#,
        r#""P-256""#,
        r#""EC""#,
        r#""ECDSA""#,
        r#""ecdsa-p256""#,
        r#""*""#,
        r#""RS1""#,
        r#""HS1""#,
        r#""dir""#,
        r#""A128KW""#,
        r#""RSA-OAEP""#,
        r#""RSA1_5""#,
        r#""ECDH-ES""#,
        r#""PBES2-HS256+A128KW""#,
        r#""ML-DSA-44""#,
        r#""Ed448""#,
        r#""any""#,
        r#""undefined""#,
    ] {
        let draft = of.at.draft().header("alg", alg);
        cases.push(Case::invalid(format!("alg {alg}"), of.at.sign(&draft)));
    }
    let mut draft = of.at.draft();
    draft.header.remove("alg");
    cases.push(Case::invalid("no alg", of.at.sign(&draft)));
    let escaped = of.at.draft().header("alg", r#""\u0045S256""#);
    cases.push(Case::control("alg with an escape", of.at.sign(&escaped)));
    cases
}

const ALGORITHMS: [&str; 10] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519",
];

/// Each algorithm with the name of each key, signed by that key.
fn crossed(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for key in of.at.keys.all() {
        for alg in ALGORITHMS {
            for kid in of.at.keys.all().map(|named| named.kid) {
                let is_own = key.alg == alg || key.alg == "EdDSA" && alg == "Ed25519";
                if kid == key.kid && is_own {
                    continue;
                }
                // One key set publishes a second key under the name of another.
                if (key.alg, alg, kid) == ("RS256", "RS256", "k-es") {
                    continue;
                }
                let token = of.token(key, alg, &format!("{kid:?}"));
                cases.push(Case::invalid(
                    format!("{alg} by {} as {kid}", key.kid),
                    token,
                ));
            }
        }
    }
    cases
}

fn own(of: &Target<'_>) -> Vec<Case> {
    let keys = &of.at.keys;
    let own = [
        (&keys.rsa, "RS256"),
        (&keys.es, "ES256"),
        (&keys.es384, "ES384"),
        (&keys.ed, "EdDSA"),
        (&keys.ed, "Ed25519"),
    ];
    let control = |(key, alg): (&Signer, &str)| {
        let token = of.token(key, alg, &format!("{:?}", key.kid));
        Case::control(format!("{alg} by its key"), token)
    };
    let mut cases: Vec<_> = own.into_iter().map(control).collect();
    let mut draft = of.at.draft();
    draft.header.remove("kid");
    cases.push(Case::control("ES256 without a kid", of.at.sign(&draft)));
    cases
}
