//! A configuration file with its handles: of a service, or of a gateway.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use obo::authorization_server::TlsIdentity;
use obo::{
    ConfigError, Destination, Destinations, Issuer, ResourceServer, RuleTable, TokenExchange,
};
use obo_config::{BindingConfig, Config, ReceiversConfig, Settings, Setup, SharedConfig, unquoted};
use obo_core::metadata::ServerMetadata;

use crate::input;
use crate::output::{Failure, Report};
use crate::position;
use crate::tap::Tap;

/// The configuration file of a command.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgument {
    /// The configuration file of a service or of a gateway (TOML, or JSON if it ends in `.json`)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// What a file configures.
pub(crate) struct Configured {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) server: ResourceServer,
    pub(crate) rules: Option<RuleTable>,
    pub(crate) calls: Vec<Outgoing>,
    /// Of a service; a gateway has one call for each route.
    pub(crate) destinations: Option<(TokenExchange, Destinations)>,
    /// The requests to authorization servers.
    pub(crate) tap: Tap,
    /// Of a gateway.
    pub(crate) gateway: Option<obo_gateway::Parts>,
    /// What replicas share. The command shares nothing, so the rest was built without it.
    pub(crate) shared: Option<SharedConfig>,
    pub(crate) receivers: ReceiversConfig,
    pub(crate) binding: Option<BindingConfig>,
    /// The certificates of the clients, by their authorization servers.
    pub(crate) identities: Vec<(Issuer, TlsIdentity)>,
    /// Of a gateway.
    pub(crate) listen: Option<SocketAddr>,
    /// Why it was built without its secrets, if it was.
    pub(crate) unread_secret: Option<String>,
}

/// A called service.
pub(crate) struct Outgoing {
    pub(crate) exchange: TokenExchange,
    pub(crate) destination: Destination,
}

impl Outgoing {
    /// What its tokens are for.
    pub(crate) fn target(&self) -> String {
        self.destination.target().to_string().replace('"', "")
    }

    /// Where it is, without the port if that is the usual one.
    pub(crate) fn uri(&self) -> String {
        let uri = self.destination.uri();
        let usual = match uri.starts_with("https:") {
            true => ":443",
            false => ":80",
        };
        match uri.split_once(usual) {
            Some((host, rest)) if rest.is_empty() || rest.starts_with('/') => {
                format!("{host}{rest}")
            }
            _ => uri,
        }
    }
}

impl Configured {
    /// What an entry of the file that decides about requests is called.
    pub(crate) fn entry(&self) -> &'static str {
        match self.gateway {
            Some(_) => "route",
            None => "rule",
        }
    }

    /// The metadata of an authorization server, if its document was fetched.
    pub(crate) fn metadata(&self, issuer: &Issuer) -> Option<ServerMetadata> {
        ServerMetadata::parse(issuer, &self.document(issuer)?).ok()
    }

    /// The discovery document of an authorization server, if it was fetched.
    pub(crate) fn document(&self, issuer: &Issuer) -> Option<Bytes> {
        let urls = issuer.well_known_urls();
        let document = self.tap.document(|url| urls.iter().any(|it| it == url));
        document.map(|(_, json)| json)
    }

    /// Says that a secret was not read.
    pub(crate) fn note_unread_secret(&self, report: &mut Report) {
        if let Some(problem) = &self.unread_secret {
            report.note(
                "secrets",
                format!("not read, which only introspection and exchanges need: {problem}"),
            );
        }
    }
}

impl ConfigArgument {
    pub(crate) fn load(&self) -> Result<Configured, Failure> {
        Loaded::read(&self.config)?.build(Secrets::Read)
    }

    pub(crate) fn load_offline(&self) -> Result<Configured, Failure> {
        load_offline(&self.config)
    }
}

/// Reads a file and builds it. If a secret of it cannot be read, it is built without secrets, for a
/// command that needs none.
pub(crate) fn load_offline(path: &Path) -> Result<Configured, Failure> {
    let loaded = Loaded::read(path)?;
    let error = match loaded.try_build(Secrets::Read) {
        Ok(configured) => return Ok(configured),
        Err(error) => error,
    };
    let failure = loaded.failure(&error);
    if !error.is_of_secret() {
        return Err(failure);
    }
    let mut configured = loaded.build(Secrets::Ignored)?;
    configured.unread_secret = Some(failure.problem().to_owned());
    Ok(configured)
}

/// Whether the secrets of a file are read.
#[derive(Clone, Copy)]
enum Secrets {
    Read,
    Ignored,
}

/// A file that was read.
struct Loaded<'p> {
    path: &'p Path,
    text: String,
}

impl<'p> Loaded<'p> {
    fn read(path: &'p Path) -> Result<Self, Failure> {
        let text = input::file(path)?;
        Ok(Self { path, text })
    }

    /// Builds it. Nothing is fetched.
    fn build(&self, secrets: Secrets) -> Result<Configured, Failure> {
        self.try_build(secrets)
            .map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &ConfigError) -> Failure {
        position::failure(self.path, &self.text, error)
    }

    fn try_build(&self, secrets: Secrets) -> Result<Configured, ConfigError> {
        let tap = Tap::default();
        let recorded = tap.clone();
        let setup = Setup::new().map_http(move |http| recorded.record(http));
        let setup = match secrets {
            Secrets::Read => setup,
            Secrets::Ignored => setup.without_secrets(),
        };
        build(self.path, &self.text, tap, setup)
    }
}

/// Checks `[shared]` without its store and its keys.
fn checked(shared: Option<&SharedConfig>) -> Result<(), ConfigError> {
    let checked = shared.map_or(Ok(()), SharedConfig::check);
    checked.map_err(|error| error.within("shared"))
}

fn build(path: &Path, text: &str, tap: Tap, mut setup: Setup) -> Result<Configured, ConfigError> {
    let is_json = position::is_json(path);
    let (path, text) = (path.to_owned(), text.to_owned());
    if is_gateway(&text, is_json) {
        if is_json {
            let problem = "has keys of a gateway, and a gateway's file is TOML";
            return Err(ConfigError::new("the file", problem));
        }
        let mut config = obo_gateway::Config::parse(&text)?;
        let (shared, receivers) = (config.take_shared(), config.receivers());
        checked(shared.as_ref())?;
        let (binding, listen) = (config.binding().cloned(), Some(config.listen()));
        let parts = config.parts(&mut setup)?;
        let calls = parts.calls.iter().map(|call| Outgoing {
            exchange: call.exchange.clone(),
            destination: call.destination.clone(),
        });
        return Ok(Configured {
            path,
            text,
            server: parts.resource_server.clone(),
            rules: Some(parts.rules.clone()),
            calls: calls.collect(),
            destinations: None,
            tap,
            gateway: Some(parts),
            shared,
            receivers,
            binding,
            identities: identities(&setup),
            listen,
            unread_secret: None,
        });
    }
    let mut config = settings(&text, is_json)?.read::<Config>()?;
    let (shared, receivers) = (config.take_shared(), config.receivers());
    checked(shared.as_ref())?;
    let binding = config.binding().cloned();
    let built = config.build(&mut setup)?;
    let destinations = built.exchange.zip(built.destinations);
    let calls = destinations.iter().flat_map(|(exchange, list)| {
        list.list().into_iter().map(|destination| Outgoing {
            exchange: exchange.clone(),
            destination,
        })
    });
    Ok(Configured {
        path,
        text,
        server: built.resource_server,
        rules: built.rules,
        calls: calls.collect(),
        destinations,
        tap,
        gateway: None,
        shared,
        receivers,
        binding,
        identities: identities(&setup),
        listen: None,
        unread_secret: None,
    })
}

fn identities(setup: &Setup) -> Vec<(Issuer, TlsIdentity)> {
    let identities = setup.identities();
    let identities = identities.map(|(issuer, own)| (issuer.clone(), own.clone()));
    identities.collect()
}

/// Whether the file has the keys that only a gateway has.
fn is_gateway(text: &str, is_json: bool) -> bool {
    let keys: Vec<String> = match is_json {
        true => serde_json::from_str(text).map_or(Vec::new(), |file: serde_json::Map<_, _>| {
            file.into_iter().map(|(key, _)| key).collect()
        }),
        false => toml::from_str(text).map_or(Vec::new(), |file: toml::Table| {
            file.into_iter().map(|(key, _)| key).collect()
        }),
    };
    keys.iter().any(|key| key == "routes" || key == "listen")
}

fn settings(text: &str, is_json: bool) -> Result<Settings, ConfigError> {
    if is_json {
        return serde_json::from_str(text).map_err(|error| {
            let place = format!("line {} column {}", error.line(), error.column());
            let message = error.to_string();
            let message = message.trim_end_matches(&format!(" at {place}"));
            unquoted(message).at(place)
        });
    }
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = 1 + before.unwrap_or_default().matches('\n').count();
        unquoted(error.message()).at(format!("line {line}"))
    })
}
