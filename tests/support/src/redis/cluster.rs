use std::time::{Duration, Instant};

use super::{RedisServer, until};

/// After this time without a response, a node counts as failed, and redis forgets a node that it
/// could not greet. Long, because on a busy machine a healthy node may be silent for a second.
const NODE_TIMEOUT: &str = "15000";
/// The same in tests of failures.
const SHORT_NODE_TIMEOUT: &str = "1000";

/// A Redis Cluster of three nodes without replicas.
#[derive(Debug)]
pub struct RedisCluster(Vec<RedisServer>);

impl RedisCluster {
    /// Starts a cluster, and waits until each node knows that it is complete. `None` as
    /// [`RedisServer::start`].
    pub fn start() -> Option<Self> {
        let nodes = Self((0..3).map(|_| node()).collect::<Option<_>>()?);
        let ranges = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (node, (first, last)) in nodes.0.iter().zip(ranges) {
            assert_eq!(
                node.command(&["CLUSTER", "ADDSLOTSRANGE", first, last]),
                "OK"
            );
        }
        nodes.introduce(&nodes.0.iter().collect::<Vec<_>>());
        nodes.wait_until_complete();
        Some(nodes)
    }

    /// Lets each node notice after a second that another one has failed.
    pub fn notice_failures(&self) {
        self.0.iter().for_each(notice_failures);
    }

    /// Waits after failures until each node knows that all nodes are there again.
    pub fn wait(&self) {
        // A node that was started again has its first settings.
        self.notice_failures();
        self.wait_until_complete();
    }

    fn wait_until_complete(&self) {
        let is_complete = |node: &RedisServer| {
            let info = node.command(&["CLUSTER", "INFO"]);
            let has = |line| info.contains(line);
            has("cluster_state:ok") && has("cluster_slots_ok:16384") && has("cluster_size:3")
        };
        until(|| self.0.iter().all(is_complete), || self.seen());
    }

    /// Adds a replica of a node, and waits until it has the node's values and all other nodes know
    /// it. From now on, the nodes notice failures.
    pub fn add_replica(&self, of: &RedisServer) -> RedisServer {
        let replica = node().unwrap();
        let mut all = vec![of, &replica];
        let running = self.0.iter().filter(|node| node.is_running());
        all.extend(running.filter(|node| node.port() != of.port()));
        self.introduce(&all);
        all.iter().for_each(|node| notice_failures(node));
        let seen = || {
            replica
                .commands(&[&["ROLE"], &["CLUSTER", "NODES"]])
                .join("\n")
        };
        let id = of.command(&["CLUSTER", "MYID"]);
        // It has to hear first that the node is a primary.
        let replicates = || replica.command(&["CLUSTER", "REPLICATE", &id]) == "OK";
        until(replicates, seen);
        let role = || replica.command(&["ROLE"]);
        until(|| role().lines().any(|line| line == "connected"), seen);
        let is_known = |node: &&RedisServer| {
            let id = replica.command(&["CLUSTER", "MYID"]);
            let nodes = node.command(&["CLUSTER", "NODES"]);
            let mut lines = nodes.lines().filter(|line| line.starts_with(&id));
            lines.any(|line| line.contains("slave"))
        };
        until(|| all.iter().all(is_known), || self.seen());
        replica
    }

    /// Waits until all these nodes know each other. A node forgets one that it could not greet, so
    /// it is asked again after a second.
    fn introduce(&self, nodes: &[&RedisServer]) {
        let mut asked = None::<Instant>;
        let is_done = || {
            let pairs = nodes
                .iter()
                .flat_map(|one| nodes.iter().map(move |other| (one, other)));
            let mut missing = pairs.filter(|(one, other)| !one.knows(other)).peekable();
            if missing.peek().is_none() {
                return true;
            }
            if asked.is_none_or(|at| at.elapsed() > Duration::from_secs(1)) {
                asked = Some(Instant::now());
                missing.for_each(|(one, other)| one.meet(other));
            }
            false
        };
        until(is_done, || self.seen());
    }

    fn seen(&self) -> String {
        let running = self.0.iter().filter(|node| node.is_running());
        let nodes = running.map(|node| node.command(&["CLUSTER", "NODES"]));
        nodes.collect::<Vec<_>>().join("\n\n")
    }

    /// The URLs of its nodes.
    pub fn urls(&self) -> Vec<String> {
        self.0.iter().map(RedisServer::url).collect()
    }

    /// Its nodes. The first one has the slots from 0 to 5460.
    pub fn nodes(&self) -> &[RedisServer] {
        &self.0
    }

    /// The node that has this key.
    pub fn node_of(&self, key: &str) -> &RedisServer {
        let slot = self.0[0].command(&["CLUSTER", "KEYSLOT", key]);
        let slot: usize = slot.parse().unwrap();
        &self.0[slot / 5461]
    }
}

impl RedisServer {
    fn knows(&self, other: &Self) -> bool {
        let id = other.command(&["CLUSTER", "MYID"]);
        let nodes = self.command(&["CLUSTER", "NODES"]);
        let line = nodes.lines().find(|line| line.starts_with(&id));
        line.is_some_and(|line| !line.contains("handshake") && line.contains(" connected"))
    }

    fn meet(&self, other: &Self) {
        let (port, bus) = (other.port().to_string(), other.second_port().to_string());
        let meet = self.command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        assert_eq!(meet, "OK");
    }
}

/// A node of a cluster. Its second port is for other nodes.
fn node() -> Option<RedisServer> {
    let enabled = ["--cluster-enabled", "yes"];
    let timeout = ["--cluster-node-timeout", NODE_TIMEOUT];
    let tolerant = ["--cluster-require-full-coverage", "no"];
    RedisServer::start_with_port("--cluster-port", &[enabled, timeout, tolerant].concat())
}

fn notice_failures(node: &RedisServer) {
    let set = node.command(&["CONFIG", "SET", "cluster-node-timeout", SHORT_NODE_TIMEOUT]);
    assert_eq!(set, "OK");
}
