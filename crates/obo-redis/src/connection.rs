//! A connection to one server or to a cluster.

use std::collections::BTreeSet;

use redis::aio::MultiplexedConnection;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::{Cmd, FromRedisValue, RedisResult, Value, cmd, from_redis_value, from_redis_value_ref};

#[derive(Clone)]
pub(crate) enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    pub(crate) async fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        match self {
            Self::Server(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }

    /// The nodes that take changes, as host and port. A server is one node without a name.
    pub(crate) async fn primaries(&mut self) -> RedisResult<Vec<Option<(String, u16)>>> {
        if !self.is_cluster() {
            return Ok(vec![None]);
        }
        let mut command = cmd("CLUSTER");
        command.arg("SLOTS");
        let slots: Vec<Vec<Value>> = self.query(&command).await?;
        let mut primaries = BTreeSet::new();
        for slot in slots {
            // Two ends of a range, the primary, the replicas.
            if let Some(Value::Array(primary)) = slot.into_iter().nth(2)
                && let [host, port, ..] = &*primary
            {
                primaries.insert((from_redis_value_ref(host)?, from_redis_value_ref(port)?));
            }
        }
        Ok(primaries.into_iter().map(Some).collect())
    }

    /// As [`query`](Self::query), at this node.
    pub(crate) async fn query_at<T: FromRedisValue>(
        &mut self,
        node: Option<&(String, u16)>,
        command: Cmd,
    ) -> RedisResult<T> {
        match (self, node) {
            (Self::Cluster(connection), Some((host, port))) => {
                let (host, port) = (host.clone(), *port);
                let node = SingleNodeRoutingInfo::ByAddress { host, port };
                let route = RoutingInfo::SingleNode(node);
                let value = connection.route_command(command, route).await?;
                Ok(from_redis_value(value.extract_error()?)?)
            }
            (connection, _) => connection.query(&command).await,
        }
    }

    /// Subscribes to a channel. In a cluster, only the node of its name has it.
    pub(crate) async fn subscribe(&mut self, channel: &str) -> RedisResult<()> {
        match self {
            Self::Server(connection) => connection.subscribe(channel).await,
            Self::Cluster(connection) => connection.ssubscribe(channel).await,
        }
    }

    /// The command that sends to those who [subscribe](Self::subscribe).
    pub(crate) fn publish(&self) -> &'static str {
        match self {
            Self::Server(_) => "PUBLISH",
            Self::Cluster(_) => "SPUBLISH",
        }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}
