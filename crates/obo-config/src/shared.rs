use std::fmt;
use std::fs;
use std::path::PathBuf;

use obo::fleet::{Fleet, FleetBuilder, RingFiles, RingKey, Store};
use obo::{ConfigError, Secret};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::form::{Form, Span, set};
use crate::secret::SecretConfig;
use crate::setup::Setup;

/// What the replicas of a service share (a [`Fleet`]), in a file.
///
/// | key | default | meaning |
/// | --- | --- | --- |
/// | `redis` | required | the URL of the store, or a list of nodes of a cluster, see below |
/// | `password` | none | a [secret](SecretConfig): the password, if it is not part of the URL |
/// | `ca` | the system's | a file with the certificate of the CA of a `rediss://` store (PEM) |
/// | `deadline` | `"25ms"` | the longest time for a call of the store, 1 ms to 5 s |
/// | `key_ring` | required | a list of 1 to 4 tables `{ id = "k1", file = "ring/k1" }`, see below |
/// | `revocation` | `"best-effort"` | or `{ strict = "30s" }`, see below |
/// | `longest_token` | `"24h"` | the longest lifetime of a token: so long a logout is kept |
///
/// The URL is a string, `{ file = "…" }` or `{ env = "…" }`, such as
/// `rediss://user@redis.example.com:6379/0`. A file or variable with several URLs, separated by
/// blanks or newlines, has the nodes of a cluster. URL and password are read once, when the
/// configuration is built.
///
/// Each file of the `key_ring` has 32 bytes in base64url without padding. The first key encrypts,
/// and all of them decrypt. The files are read again when they change.
///
/// A `strict` fleet refuses requests with 503 when nothing was heard of the store for this long, at
/// least 5 s.
///
/// Requires the feature `redis`. For a store of your own, see [`Setup::fleet`].
///
/// ```no_run
/// use obo_config::{SharedConfig, Setup};
///
/// let config: SharedConfig = toml::from_str(r#"
///     redis = "rediss://orders@redis.example.com:6379/0"
///     password = { file = "/run/secrets/redis" }
///     key_ring = [{ id = "k1", file = "/run/secrets/ring-k1" }]
/// "#)?;
/// let mut setup = Setup::new();
/// setup.shared(Some(config))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedConfig {
    redis: Nodes,
    password: Option<SecretConfig>,
    ca: Option<PathBuf>,
    deadline: Option<Span>,
    key_ring: Vec<KeyConfig>,
    #[serde(default)]
    revocation: Revocation,
    longest_token: Option<Span>,
}

/// One of the `key_ring`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyConfig {
    id: String,
    file: PathBuf,
}

/// Where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Nodes {
    /// One URL; several are those of a cluster.
    Text(SecretConfig),
    Cluster(Vec<Secret>),
}

impl<'de> Deserialize<'de> for Nodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UrlOrNodes;

        impl<'de> Visitor<'de> for UrlOrNodes {
            type Value = Nodes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL, a list of URLs, or a table with `file` or `env`")
            }

            fn visit_str<E: Error>(self, url: &str) -> Result<Nodes, E> {
                Ok(Nodes::Text(SecretConfig::Text(Secret::new(url))))
            }

            fn visit_string<E: Error>(self, url: String) -> Result<Nodes, E> {
                Ok(Nodes::Text(SecretConfig::Text(Secret::new(url))))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Nodes, A::Error> {
                let mut urls = Vec::new();
                while let Some(url) = seq.next_element::<String>()? {
                    urls.push(Secret::new(url));
                }
                Ok(Nodes::Cluster(urls))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Nodes, A::Error> {
                SecretConfig::deserialize(MapAccessDeserializer::new(map)).map(Nodes::Text)
            }
        }

        deserializer.deserialize_any(UrlOrNodes)
    }
}

/// What happens while the store is silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Form<Strict>")]
enum Revocation {
    #[default]
    BestEffort,
    Strict(Span),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    strict: Span,
}

impl TryFrom<Form<Strict>> for Revocation {
    type Error = &'static str;

    fn try_from(form: Form<Strict>) -> Result<Self, &'static str> {
        match form {
            Form::Text(text) if text == "best-effort" => Ok(Self::BestEffort),
            Form::Text(_) => Err("must be \"best-effort\" or a table such as { strict = \"30s\" }"),
            Form::Table(Strict { strict }) => Ok(Self::Strict(strict)),
        }
    }
}

impl SharedConfig {
    /// Builds the fleet. The store is not called yet: [`Fleet::start`] reads the logouts that it
    /// knows.
    ///
    /// # Errors
    ///
    /// Fails if a value is wrong, a secret or a key cannot be read, or the feature `redis` is off.
    /// The field is a path such as `key_ring[1].file`.
    pub fn build(self) -> Result<Fleet, ConfigError> {
        let store = self.store()?;
        self.over(store)
    }

    fn over(self, store: impl Store) -> Result<Fleet, ConfigError> {
        // First, so that an error has the index of the key.
        for (_, key) in self.keys() {
            key?;
        }
        let files = self.key_ring.clone().into_iter();
        let files = files.map(|key| (key.id, key.file));
        let fleet = Fleet::builder().store(store, RingFiles::new(files));
        self.build_over(fleet)
    }

    /// Checks what needs neither the store nor the files: the times, and that there is a key.
    ///
    /// # Errors
    ///
    /// Fails if a value is wrong. The field is a path such as `revocation.strict`.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.key_ring.is_empty() {
            let problem =
                "is empty; write at least one key, such as { id = \"k1\", file = \"ring/k1\" }";
            return Err(ConfigError::new("key_ring", problem));
        }
        self.clone().build_over(Fleet::builder()).map(drop)
    }

    fn build_over(self, fleet: FleetBuilder) -> Result<Fleet, ConfigError> {
        let fleet = set(fleet, self.deadline, |fleet, Span(span)| {
            fleet.deadline(span)
        });
        let fleet = set(fleet, self.longest_token, |fleet, Span(span)| {
            fleet.longest_token(span)
        });
        let fleet = match self.revocation {
            Revocation::BestEffort => fleet,
            Revocation::Strict(silence) => fleet.strict(silence.into()),
        };
        fleet.build().map_err(|error| match error.field() {
            "strict" => error.within("revocation"),
            _ => error,
        })
    }

    /// Reads files and variables with secrets now: URLs and password, but not the key ring. So two
    /// configurations that are equal have the same secrets. This blocks.
    ///
    /// # Errors
    ///
    /// Fails if a secret cannot be read.
    pub fn read_secrets(mut self) -> Result<Self, ConfigError> {
        if let Nodes::Text(urls) = self.redis {
            let urls = urls.read().map_err(|error| error.within("redis"))?;
            self.redis = Nodes::Text(SecretConfig::Text(urls));
        }
        if let Some(password) = self.password.take() {
            let password = password.read().map_err(|error| error.within("password"))?;
            self.password = Some(SecretConfig::Text(password));
        }
        Ok(self)
    }

    /// Whether requests are refused when nothing was heard of the store for a set time.
    pub fn is_strict(&self) -> bool {
        self.revocation != Revocation::BestEffort
    }

    /// Reads the key of each file, for tools that check a configuration. The ids come with what was
    /// found, the encrypting key first. This blocks.
    ///
    /// The field of an error is a path such as `key_ring[1].file`.
    pub fn keys(&self) -> impl Iterator<Item = (&str, Result<RingKey, ConfigError>)> {
        self.key_ring.iter().enumerate().map(|(i, key)| {
            let read = key.read();
            let read = read.map_err(|error| error.within(&format!("key_ring[{i}]")));
            (&*key.id, read)
        })
    }

    /// The URLs, and whether they are those of a cluster.
    fn urls(&self) -> Result<(Vec<Secret>, bool), ConfigError> {
        let within = |error: ConfigError| error.within("redis");
        let (urls, is_list) = match &self.redis {
            Nodes::Cluster(urls) => (urls.clone(), true),
            Nodes::Text(text) => {
                let text = text.clone().read().map_err(within)?;
                let urls = text.expose().split_whitespace();
                (urls.map(Secret::new).collect::<Vec<_>>(), false)
            }
        };
        if urls.is_empty() {
            let problem =
                "is empty; write the URL of the store, such as \"redis://127.0.0.1:6379/0\"";
            return Err(ConfigError::new("redis", problem));
        }
        let password = self.password.clone().map(SecretConfig::read).transpose();
        let password = password.map_err(|error| error.within("password"))?;
        let is_cluster = is_list || urls.len() > 1;
        let urls = urls.into_iter().map(|url| match &password {
            Some(password) => with_password(&url, password),
            None => Ok(url),
        });
        Ok((urls.collect::<Result<_, _>>()?, is_cluster))
    }
}

/// Puts a password into a URL. No error quotes one of them.
fn with_password(url: &Secret, password: &Secret) -> Result<Secret, ConfigError> {
    let wrong = |problem| ConfigError::new("password", problem);
    let parsed = Url::parse(url.expose());
    let mut parsed = parsed.map_err(|_| ConfigError::new("redis", "is not a URL"))?;
    if parsed.password().is_some() {
        return Err(wrong("is in the URL of `redis` too; remove one"));
    }
    let text = Some(password.expose());
    (parsed.set_password(text)).map_err(|()| wrong("does not fit a URL without a host"))?;
    Ok(Secret::new(String::from(parsed)))
}

impl KeyConfig {
    fn read(&self) -> Result<RingKey, ConfigError> {
        let wrong = |problem: String| ConfigError::new("file", problem);
        // No error quotes the path: it may be a key in the wrong place.
        let text = fs::read_to_string(&self.file).map(Secret::new);
        let text = text.map_err(|error| wrong(format!("the file cannot be read: {error}")))?;
        RingKey::parse(&self.id, &text).map_err(|error| match error.field() {
            "id" => error,
            _ => error.at("file"),
        })
    }
}

impl Setup {
    /// Sets what replicas share, for all that is built afterwards.
    /// [`Config::build`](crate::Config::build) does it for the table `shared`.
    ///
    /// # Errors
    ///
    /// Fails like [`SharedConfig::build`]. The field starts with `shared`.
    pub fn shared(&mut self, shared: Option<SharedConfig>) -> Result<(), ConfigError> {
        let Some(shared) = shared else { return Ok(()) };
        if self.fleet.is_some() {
            let problem = "the program has a fleet of its own; remove the table, or `Setup::fleet`";
            return Err(ConfigError::new("shared", problem));
        }
        let fleet = match self.is_without_secrets {
            // Without its keys nothing can be shared, and nothing is asked of it.
            true => Fleet::builder().build(),
            false => shared.build(),
        };
        self.fleet = Some(fleet.map_err(|error| error.within("shared"))?);
        Ok(())
    }

    /// Returns the fleet, if there is one.
    pub fn current_fleet(&self) -> Option<&Fleet> {
        self.fleet.as_ref()
    }

    /// Returns the fleet. Without one, makes one of this process, so that receivers of logouts
    /// have one.
    ///
    /// # Errors
    ///
    /// Fails if the operating system provides no random bytes for its key.
    pub fn require_fleet(&mut self) -> Result<Fleet, ConfigError> {
        if let Some(fleet) = &self.fleet {
            return Ok(fleet.clone());
        }
        let fleet = Fleet::builder().build()?;
        self.fleet = Some(fleet.clone());
        Ok(fleet)
    }
}

impl SharedConfig {
    /// Makes the store, without a call of it. [`build`](Self::build) does it too.
    ///
    /// # Errors
    ///
    /// Fails if a URL is wrong, a secret or the file of the CA cannot be read, or the feature
    /// `redis` is off.
    #[cfg(feature = "redis")]
    pub fn store(&self) -> Result<impl Store + use<>, ConfigError> {
        use obo_redis::RedisStore;

        let (urls, is_cluster) = self.urls()?;
        let mut texts = urls.iter().map(Secret::expose);
        let store = match (is_cluster, texts.next()) {
            (false, Some(url)) => RedisStore::new(url),
            (_, first) => RedisStore::cluster(first.into_iter().chain(texts)),
        };
        let store = store.map_err(|error| {
            let field = error.field().strip_prefix("redis").unwrap_or_default();
            let field = format!("redis{field}");
            error.at(field)
        })?;
        match &self.ca {
            Some(path) => store.ca_file(path).map_err(|error| error.at("ca")),
            None => Ok(store),
        }
    }

    /// Makes the store. Without the feature `redis` it fails.
    ///
    /// # Errors
    ///
    /// Always fails, because this program was built without the feature `redis`.
    #[cfg(not(feature = "redis"))]
    pub fn store(&self) -> Result<impl Store + use<>, ConfigError> {
        self.urls()?;
        let problem = "requires the feature `redis` of `obo-config`, and this program was built without it; enable it";
        Err::<obo::fleet::InProcess, _>(ConfigError::new("redis", problem))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed assumption fails the test")]

    use obo::fleet::InProcess;

    use super::*;
    use crate::settings::Settings;

    fn config(more: &str) -> Result<SharedConfig, ConfigError> {
        let text = match more.contains("redis") {
            true => more.to_owned(),
            false => format!("redis = \"redis://127.0.0.1\"\n{more}"),
        };
        let text = match more.contains("key_ring") {
            true => text,
            false => format!("{text}\nkey_ring = []"),
        };
        toml::from_str::<Settings>(&text).unwrap().read()
    }

    fn urls(more: &str) -> Result<(Vec<String>, bool), ConfigError> {
        let (urls, is_cluster) = config(more)?.urls()?;
        Ok((
            urls.iter().map(|url| url.expose().to_owned()).collect(),
            is_cluster,
        ))
    }

    fn file(name: &str, text: &str) -> String {
        let path = std::env::temp_dir().join(format!("obo-conf-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn store_has_one_url_or_nodes() {
        let (one, two) = ("redis://a:1/0", "redis://b:2/0");
        let single = (vec![one.to_owned()], false);
        let both = (vec![one.to_owned(), two.to_owned()], true);
        let path = file("url", &format!("{one}\n"));
        assert_eq!(urls(&format!("redis = '{one}'")).unwrap(), single);
        assert_eq!(
            urls(&format!("redis = {{ file = '{path}' }}")).unwrap(),
            single
        );
        let list = urls(&format!("redis = ['{one}', '{two}']"));
        assert_eq!(list.unwrap(), both);
        assert!(urls(&format!("redis = ['{one}']")).unwrap().1);
        fs::write(&path, format!("{one}\n{two}\n")).unwrap();
        assert_eq!(
            urls(&format!("redis = {{ file = '{path}' }}")).unwrap(),
            both
        );
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn password_is_put_into_the_url() {
        let path = file("password", "s3c/r@t\n");
        let config = format!("redis = 'rediss://app@a:1/2'\npassword = {{ file = '{path}' }}");
        let (list, _) = urls(&config).unwrap();
        fs::remove_file(path).unwrap();
        assert_eq!(list, ["rediss://app:s3c%2Fr%40t@a:1/2"]);
        let twice = urls("redis = 'redis://:s3cret@a'\npassword = 's3cret'").unwrap_err();
        assert_eq!(twice.field(), "password");
        assert!(!twice.to_string().contains("s3cret"), "{twice}");
    }

    #[test]
    fn mistake_of_the_store_is_named() {
        for (more, field) in [
            ("redis = []", "redis"),
            ("redis = { env = 'OBO_NO_SUCH_URL' }", "redis.env"),
            ("redis = { file = '/s3cret/url' }", "redis.file"),
            ("redis = 's3cret'\npassword = 'p'", "redis"),
            ("password = { file = '/s3cret/password' }", "password.file"),
            (
                "redis = 's3cret://mailbox'\npassword = { env = 's3cret' }",
                "password.env",
            ),
        ] {
            let error = urls(more).unwrap_err();
            assert_eq!(error.field(), field, "{error}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }

    #[tokio::test]
    async fn settings_reach_the_fleet() {
        let key = |byte: &str| byte.repeat(42) + "A";
        let (first, second) = (file("k1", &(key("A") + "\n")), file("k2", &key("B")));
        let ring = format!(
            "key_ring = [{{ id = 'k2', file = '{second}' }}, {{ id = 'k1', file = '{first}' }}]"
        );
        let built = |more: &str| config(&format!("{ring}\n{more}"))?.over(InProcess::new());
        let fleet = built("revocation = { strict = '30s' }\ndeadline = '50ms'").unwrap();
        assert!(
            format!("{fleet:?}").contains("strict: Some(30s)"),
            "{fleet:?}"
        );
        let fleet = built("revocation = 'best-effort'\nlongest_token = '48h'").unwrap();
        assert!(format!("{fleet:?}").contains("strict: None"), "{fleet:?}");
        assert!(fleet.start().await.is_ok());
        for (more, field) in [
            ("deadline = '6s'", "deadline"),
            ("revocation = { strict = '1s' }", "revocation.strict"),
            ("longest_token = '9000h'", "longest_token"),
        ] {
            assert_eq!(built(more).unwrap_err().field(), field);
        }
        fs::write(&first, "s3cret").unwrap();
        let error = built("").unwrap_err();
        assert_eq!(error.field(), "key_ring[1].file");
        assert!(!error.to_string().contains("s3cret"), "{error}");
        fs::remove_file(&first).unwrap();
        let error = built("").unwrap_err();
        assert_eq!(error.field(), "key_ring[1].file");
        fs::copy(&second, &first).unwrap();
        assert_eq!(built("").unwrap_err().field(), "key_ring");
        for path in [first, second] {
            fs::remove_file(path).unwrap();
        }
        let empty = config("").unwrap().over(InProcess::new()).unwrap_err();
        assert_eq!(empty.field(), "key_ring");
        let id = config("key_ring = [{ id = '', file = '/dev/null' }]").unwrap();
        assert_eq!(
            id.over(InProcess::new()).unwrap_err().field(),
            "key_ring[0].id"
        );
    }

    #[test]
    fn revocation_is_word_or_table() {
        assert!(!config("").unwrap().is_strict());
        assert!(
            config("revocation = { strict = '30s' }")
                .unwrap()
                .is_strict()
        );
        for (more, field) in [
            ("revocation = 'strict'", "revocation"),
            ("revocation = { strict = 30 }", "revocation.strict"),
            ("revocation = { strickt = '30s' }", "revocation.strickt"),
            ("redis = 7", "redis"),
            ("redis = [7]", "redis[0]"),
            ("redis = { url = 's3cret' }", "redis.url"),
            ("key_ring = [{ id = 'k1' }]", "key_ring[0]"),
            ("nosuch = 1", "nosuch"),
        ] {
            let error = config(more).unwrap_err();
            assert!(error.field().starts_with(field), "{more}: {error}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn rotated_password_is_a_change() {
        let path = file("rotated", "s3cret-1");
        let read = || {
            let config = config(&format!("password = {{ file = '{path}' }}")).unwrap();
            config.read_secrets().unwrap()
        };
        let before = read();
        assert!(before == read());
        fs::write(&path, "s3cret-2").unwrap();
        assert!(before != read());
        assert!(!format!("{before:?}").contains("s3cret"), "{before:?}");
        fs::remove_file(path).unwrap();
    }
}
