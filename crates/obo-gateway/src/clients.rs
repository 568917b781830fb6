use obo::client::ClientConfig;
use obo::config::ResourceServerConfig;
use obo::{Client, ConfigError, Issuer};
use serde::Deserialize;

/// A client, and the authorization server that it is registered at.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ClientAt {
    issuer: Option<Issuer>,
    #[serde(flatten)]
    client: ClientConfig,
}

/// The client of this service at each authorization server. No client is used at another server than its own.
#[derive(Debug, Default)]
pub(super) struct Clients {
    at: Vec<(Issuer, Client)>,
    /// For the only issuer that is asked about tokens, where no route exchanges any.
    asking: Option<Client>,
}

impl Clients {
    /// Makes `[client]` and `[[clients]]`; `exchanges` are the routes that exchange tokens, and where.
    pub(super) fn new<'r>(
        client: Option<ClientAt>,
        clients: Vec<ClientAt>,
        exchanges: impl Iterator<Item = (usize, &'r Issuer)>,
    ) -> Result<Self, ConfigError> {
        let mut made = Self::default();
        let mut unnamed = None;
        if let Some(entry) = client {
            let client = built(entry.client, "client")?;
            match entry.issuer {
                Some(issuer) => made.at.push((issuer, client)),
                None => unnamed = Some(client),
            }
        }
        for (i, entry) in clients.into_iter().enumerate() {
            let place = format!("clients[{i}]");
            let issuer = entry.issuer.ok_or_else(|| {
                let problem =
                    "is missing; name the authorization server that this client is registered at";
                ConfigError::new("issuer", problem).within(&place)
            })?;
            if made.of(&issuer).is_some() {
                let problem = format!("{issuer} has a client already; leave one out");
                return Err(ConfigError::new("issuer", problem).within(&place));
            }
            made.at.push((issuer, built(entry.client, &place)?));
        }
        if let Some(client) = unnamed {
            made.own(client, exchanges)?;
        }
        Ok(made)
    }

    /// Gives a client without an issuer to the one authorization server that tokens are exchanged at without another.
    fn own<'r>(
        &mut self,
        client: Client,
        exchanges: impl Iterator<Item = (usize, &'r Issuer)>,
    ) -> Result<(), ConfigError> {
        let mut rest = exchanges.filter(|(_, issuer)| self.of(issuer).is_none());
        let Some((_, owner)) = rest.next() else {
            self.asking = Some(client);
            return Ok(());
        };
        if let Some((route, other)) = rest.find(|(_, issuer)| *issuer != owner) {
            let problem = format!(
                "[client] is registered at one authorization server, and tokens are exchanged at {owner} and at \
                 {other}; write `issuer = \"{owner}\"` into [client], and add [[clients]] with `issuer = \"{other}\"`"
            );
            let error = ConfigError::new("exchange.issuer", problem);
            return Err(error.within(&format!("routes[{route}]")));
        }
        drop(rest);
        self.at.push((owner.clone(), client));
        Ok(())
    }

    /// The client at this authorization server.
    pub(super) fn of(&self, issuer: &Issuer) -> Option<&Client> {
        let mut clients = self.at.iter();
        clients
            .find(|(at, _)| at == issuer)
            .map(|(_, client)| client)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at.is_empty() && self.asking.is_none()
    }

    /// The resource server, which asks each issuer about tokens as the client there.
    pub(super) fn of_resource_server(&self, server: ResourceServerConfig) -> ResourceServerConfig {
        let clients = self.at.iter().cloned();
        let server = clients.fold(server, |server, (at, client)| server.client_at(at, client));
        match &self.asking {
            Some(client) => server.client(client.clone()),
            None => server,
        }
    }
}

fn built(client: ClientConfig, place: &str) -> Result<Client, ConfigError> {
    client.build().map_err(|error| match error.field() {
        "client" => error.at(place.to_owned()),
        _ => error.within(place),
    })
}
