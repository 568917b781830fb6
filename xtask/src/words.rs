//! `cargo xtask words`: words that the style guide excludes, and names of products, which only
//! `dialect` folders may use.

use crate::shell;

const LEFT_OUT: [(&str, &str); 11] = [
    ("answer answers answered answering", "response, respond"),
    ("remembered", "cached"),
    ("judge judges judged judging judgement", "validate, verify"),
    ("mend mends mended", "fix"),
    ("beside", "besides, next to, in the background"),
    ("whoever whom somebody nobody anybody", "the caller"),
    ("at_hand let_go lets_go", "cached, evict"),
    ("made_up unless_told", "forged, by default"),
    ("says_nothing", "opaque"),
    ("does_without do_without", "requires"),
    ("goes_on left_alone", "continues, unchanged"),
];

const PRODUCTS: (&str, &str) = (
    "entra azure microsoft keycloak okta auth0 zitadel authentik pingfederate ping_federate asgardeo wso2 \
     tokendings cognito",
    "the name of a product only in `dialect`",
);

pub(crate) fn run() -> shell::Result {
    let mut files = shell::files("crates", "rs")?;
    files.retain(|(path, _)| path.contains("/src/"));
    let mut product = files.clone();
    let may = ["obo-gateway", "/tests/", "/dialect/"];
    product.retain(|(path, _)| !may.iter().any(|place| path.contains(place)));
    for (folder, extension) in [("examples", "rs"), ("examples", "toml"), (".", "md")] {
        files.extend(shell::files(folder, extension)?);
    }
    let words = files.iter().flat_map(|file| found(&LEFT_OUT, file));
    let products = product.iter().flat_map(|file| found(&[PRODUCTS], file));
    shell::verdict("words", &words.chain(products).collect::<Vec<_>>())
}

fn found(words: &[(&str, &str)], (path, text): &(String, String)) -> Vec<String> {
    let mut findings = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let text = spaced(text);
        for (left_out, instead) in words {
            let is_there = |phrase: &&str| text.contains(&format!("_{phrase}_"));
            let phrase = left_out.split(' ').find(is_there);
            let phrase = phrase.map(|phrase| phrase.replace('_', " "));
            findings.extend(phrase.map(|it| format!("{path}:{line}: `{it}`; write: {instead}")));
        }
    }
    findings
}

/// The words in lower case, each between two `_`. `OktaPolicy` has two words.
fn spaced(text: &str) -> String {
    let (mut spaced, mut last) = (String::new(), ' ');
    for c in text.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && !last.is_uppercase()) {
            spaced.push(' ');
        }
        spaced.extend(c.to_lowercase().filter(|c| c.is_alphanumeric()));
        last = c;
    }
    let words: Vec<_> = spaced.split_whitespace().collect();
    format!("_{}_", words.join("_"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn word_is_found_in_any_case() {
        let count =
            |text: &str| super::found(&super::LEFT_OUT, &("a.md".into(), text.into())).len();
        assert_eq!(count("It is ANSWERED.\nLet go, nobody"), 3);
        assert_eq!(count("fn the_answer() {}"), 1);
        assert_eq!(count("answerable amendments"), 0);
        assert_eq!(count("besides, it goes\n on; left alone"), 1);
    }

    #[test]
    fn product_is_found_in_names() {
        let products = [super::PRODUCTS];
        let count = |text: &str| super::found(&products, &("a.rs".into(), text.into())).len();
        assert_eq!(count("Okta\nOktaPolicy\nokta_policy\nauth0\nForENTRA"), 5);
        assert_eq!(count("central ENTRANCE incognito oktal"), 0);
    }
}
